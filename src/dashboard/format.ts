// Numbers, dates and bytes as people read them, and the text of clients as text: what a client has sent may hold any
// character, and must not look like anything else.

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
/** Shows it as text only if none of these is in it, besides tab and ends of lines. */
const NO_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;
/** Characters that change or hide what is beside them: controls, marks of direction, and those without width. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
/** Of a payload, in one view. */
const HEX_BYTES_MAX = 4096;
const ROW = 16;

export const whole = (count: number): string => WHOLE.format(count);
export const short = (count: number): string => (Math.abs(count) < 10_000 ? rounded(count) : SHORT.format(count));
const rounded = (count: number): string => String(Number(count.toFixed(Math.abs(count) < 10 ? 1 : 0)));

export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toFixed(value < 10 ? 1 : 0))} ${UNITS[unit] ?? ''}`;
}

export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${Number((ms / 1000).toFixed(1))} s`;
  return ms >= 1 ? `${Number(ms.toFixed(1))} ms` : `${Math.round(ms * 1000)} µs`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const parts = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ] as const;
  const first = parts.findIndex(([size]) => seconds >= size);
  let rest = seconds;
  return parts
    .slice(first, first + 2)
    .flatMap(([size, name]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count === 0 ? [] : [`${count} ${name}`];
    })
    .join(' ');
}

/** Without a limit, in MQTT. */
const NEVER = 4_294_967_295;
export const interval = (seconds: number): string => (seconds === NEVER ? 'never' : duration(seconds));

export const clock = (instant: string | number | Date): string =>
  new Date(instant).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const dateTime = (instant: string): string => {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? instant : `${date.toLocaleDateString('en-CA')} ${clock(date)}`;
};
export const ago = (instant: string, now = Date.now()): string =>
  `${duration(Math.max(0, (now - Date.parse(instant)) / 1000))} ago`;

/** A name of a client in one line: what could not be seen is written out. */
export const visible = (text: string): string =>
  text.replace(INVISIBLE, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);

export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));

export interface ShownPayload {
  readonly kind: 'text' | 'hex' | 'empty';
  readonly text: string;
}

/** A payload as text if it is text, or else in hexadecimal digits. */
export function payload(content: Uint8Array, isPart = false): ShownPayload {
  if (content.byteLength === 0) return { kind: 'empty', text: '' };
  const text = decoded(content, isPart);
  return text === undefined || NO_TEXT.test(text)
    ? { kind: 'hex', text: hexOf(content) }
    : { kind: 'text', text: text.replace(INVISIBLE, (one) => (/[\t\n\r]/.test(one) ? one : visible(one))) };
}

function decoded(content: Uint8Array, isPart: boolean): string | undefined {
  try {
    // The end of a part may be the middle of a character.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content, { stream: isPart });
  } catch {
    return undefined;
  }
}

export function hexOf(content: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < Math.min(content.byteLength, HEX_BYTES_MAX); at += ROW) {
    const row = [...content.subarray(at, at + ROW)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const characters = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`${at.toString(16).padStart(4, '0')}  ${digits.padEnd(ROW * 3 - 1)}  ${characters}`);
  }
  if (content.byteLength > HEX_BYTES_MAX) rows.push('…');
  return rows.join('\n');
}
