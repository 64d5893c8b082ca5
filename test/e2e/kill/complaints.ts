// The lines that a broker may log at level `warn`. Its clients behave and its storage works, so it may log nothing,
// unless its storage server was killed: then it may say that storage is unavailable and that it has recovered.

/** The first line that should not be there, or `undefined`. */
export function complaintIn(stderr: string, hadOutage: boolean): string | undefined {
  // The kill may have cut off the last line.
  const lines = stderr.split('\n').slice(0, -1);
  if (!hadOutage) return lines[0] ?? (stderr === '' ? undefined : stderr);
  return lines.find((line) => !isOfAnOutage(line));
}

function isOfAnOutage(line: string): boolean {
  if (!line.startsWith('{')) return false;
  const { event, storageErrorKind } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  return event === 'storage-recovered' || (event === 'storage-failing' && storageErrorKind === 'unavailable');
}
