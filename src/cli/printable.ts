// Text and bytes from untrusted senders, made safe to print on a terminal.

/**
 * Characters that move the cursor, change colours, or hide or reverse what follows, and the backslash that escapes
 * them.
 */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\\]/gu;

/** What JSON leaves as it is of these; a backslash it has escaped already. */
const UNSAFE_IN_JSON = /[\p{C}\p{Zl}\p{Zp}]/gu;

const SHOWN_MAX = 64;
const PREVIEW_BYTES = 32;

/** The text on one line, with unsafe characters as `\u{…}`; the empty text as `""`. */
export function printable(text: string): string {
  return text === ''
    ? '""'
    : text.replace(UNSAFE, (character) =>
        character === '\\' ? '\\\\' : `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
      );
}

/** The value as JSON on one line, for programs and terminals: unsafe characters are escapes, which mean the same. */
export const jsonOf = (value: unknown): string =>
  JSON.stringify(value).replace(UNSAFE_IN_JSON, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );

/** The first `max` characters, for a table. */
export function shortened(text: string, max = SHOWN_MAX): string {
  const characters = [...text.slice(0, max * 2 + 2)];
  return characters.length <= max ? printable(text) : `${printable(characters.slice(0, max).join(''))}…`;
}

/** The beginning of a payload, as text if it is UTF-8 and in hexadecimal otherwise. */
export function preview(payload: Uint8Array): string {
  const beginning = payload.subarray(0, PREVIEW_BYTES);
  const rest = payload.byteLength > PREVIEW_BYTES ? '…' : '';
  if (payload.byteLength === 0) return '';
  try {
    // With `stream`, a character that is cut in half at the end is omitted instead of making the text invalid.
    return (
      printable(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(beginning, { stream: rest !== '' })) +
      rest
    );
  } catch {
    return `0x${Buffer.from(beginning).toString('hex')}${rest}`;
  }
}
