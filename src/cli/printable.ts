// Text and bytes that anyone may have sent, made safe to show on a terminal.

/** Characters that move the cursor, change colours, hide or turn around what follows, and the backslash that names them. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\\]/gu;

const SHOWN_MAX = 64;
const PREVIEW_BYTES = 32;

/** The whole text, on one line; what is not safe as `\u{…}`. The empty text as `""`. */
export function printable(text: string): string {
  return text === ''
    ? '""'
    : text.replace(UNSAFE, (character) =>
        character === '\\' ? '\\\\' : `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
      );
}

/** Its beginning, where a table has little room. */
export function shortened(text: string, max = SHOWN_MAX): string {
  const characters = [...text.slice(0, max * 2 + 2)];
  return characters.length <= max ? printable(text) : `${printable(characters.slice(0, max).join(''))}…`;
}

/** The beginning of a payload: as text if it is UTF-8, in hexadecimal otherwise. */
export function preview(payload: Uint8Array): string {
  const beginning = payload.subarray(0, PREVIEW_BYTES);
  const rest = payload.byteLength > PREVIEW_BYTES ? '…' : '';
  if (payload.byteLength === 0) return '';
  try {
    // A character that the cut goes through is left out.
    return (
      printable(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(beginning, { stream: rest !== '' })) +
      rest
    );
  } catch {
    return `0x${Buffer.from(beginning).toString('hex')}${rest}`;
  }
}
