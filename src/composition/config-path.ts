// The path of a value in a configuration, and how messages show it: `listeners[0].tls.cert`.

export type ConfigPath = readonly (string | number)[];

export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}
