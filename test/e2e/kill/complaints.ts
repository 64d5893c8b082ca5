// What a broker may say at level `warn` in the whole of its life here. Its clients behave and its storage works, so:
// nothing. Unless its server was killed under it: then that storage cannot be reached, and that it can again, and still
// nothing else.

/** The first line that should not be there. */
export function complaintIn(stderr: string, hadOutage: boolean): string | undefined {
  // What stands behind the last line's end was cut off by the kill.
  const lines = stderr.split('\n').slice(0, -1);
  if (!hadOutage) return lines[0] ?? (stderr === '' ? undefined : stderr);
  return lines.find((line) => !isOfAnOutage(line));
}

function isOfAnOutage(line: string): boolean {
  if (!line.startsWith('{')) return false;
  const { event, storageErrorKind } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  return event === 'storage-recovered' || (event === 'storage-failing' && storageErrorKind === 'unavailable');
}
