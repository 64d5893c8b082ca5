// Which Node the command runs on. It imports nothing and uses nothing new, because it has to run on a Node that is too
// old for the rest.

/** As in `engines` of package.json. */
const MIN_NODE = [20, 19] as const;

/** Why the command does not run on this version of Node, `18.20.4`, or `undefined` if it does. */
export function problemWithNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return undefined;
  return `Node ${version} is too old, expected Node ${MIN_NODE.join('.')} or later`;
}
