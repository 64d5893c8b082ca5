// How the simulation recognises a message: its payload starts with a tag and a full stop, and the rest is filling.

const FULL_STOP = 0x2e;

export function payloadOf(tag: string, bytes: number): Uint8Array {
  const payload = new Uint8Array(Math.max(bytes, tag.length + 1)).fill(FULL_STOP);
  for (let i = 0; i < tag.length; i++) payload[i] = tag.charCodeAt(i);
  return payload;
}

/** @returns an empty string for an empty payload. */
export function tagOf(payload: Uint8Array): string {
  const end = payload.indexOf(FULL_STOP);
  return String.fromCharCode(...payload.subarray(0, Math.max(0, end)));
}
