// Characters in log lines that a terminal, a pager or a collector takes for commands. Clients choose client
// identifiers, user names and topics, so whatever they contain has to arrive as it was sent, and as text.

/**
 * What JSON leaves as it is: DEL and the C1 controls (U+009B begins a command as ESC [ does), the marks, embeddings,
 * overrides and isolates that change the direction of what follows, and the line and paragraph separators.
 */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** JSON with the same meaning, in which such characters are escapes. They only ever stand inside its strings. */
export function safeJson(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Text of a stack, which keeps its lines: the other controls are escaped too. */
export function safeLines(text: string): string {
  const controls = /[\u0000-\u0008\u000b-\u001f]/g;
  return safeJson(text).replace(controls, (character) => JSON.stringify(character).slice(1, -1));
}
