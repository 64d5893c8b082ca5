// Packages that only some built-in adapters use, such as a database driver. They are optional `peerDependencies` of
// package.json: an installation has those that it uses, and an adapter whose package is missing is refused by a
// sentence that names it.

/** The optional packages of built-in adapters. */
export const OPTIONAL_PACKAGES: readonly string[] = ['classic-level', 'mongodb'];

/**
 * What to say of an error of `import`, if it is that the adapter `name` needs an optional package that is not
 * installed. A package that is installed but broken, or lacks one of its own, is another error.
 * @param key where the configuration names the adapter.
 */
export function missingPackage(key: string, name: string, error: unknown): string | undefined {
  const { code, message = '' } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined;
  const missing = OPTIONAL_PACKAGES.find((one) => message.startsWith(`Cannot find package '${one}' `));
  if (missing === undefined) return undefined;
  return `${key}: ${name} needs the package ${missing}, which is not installed: npm install ${missing}`;
}
