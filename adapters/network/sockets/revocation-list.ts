// When a revocation list is to be replaced: after that, OpenSSL refuses every certificate of its authority. Node reads
// certificates and no lists, so the one field is taken out of the DER here (RFC 5280, section 5.1).

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly rest: Buffer;
}

/** @returns milliseconds since 1970, or `undefined` if the list has no such time or cannot be read. */
export function nextUpdateMs(pem: string): number | undefined {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  // CertificateList, TBSCertList.
  let rest = inside(inside(der, SEQUENCE), SEQUENCE);
  if (read(rest)?.tag === INTEGER) rest = read(rest)?.rest;
  // The algorithm of the signature, the issuer, and when the list was made.
  for (let index = 0; index < 3; index++) rest = read(rest)?.rest;
  const next = read(rest);
  return next === undefined ? undefined : timeOf(next);
}

function inside(bytes: Buffer | undefined, tag: number): Buffer | undefined {
  const element = read(bytes);
  return element?.tag === tag ? element.content : undefined;
}

function read(bytes: Buffer | undefined): Element | undefined {
  if (bytes === undefined || bytes.length < 2) return undefined;
  const tag = bytes.readUInt8(0);
  const first = bytes.readUInt8(1);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const start = 2 + lengthBytes;
  if (lengthBytes > 4 || bytes.length < start) return undefined;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  if (bytes.length < start + length) return undefined;
  return { tag, content: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
}

/** `300102030405Z`, or with the century. */
function timeOf({ tag, content }: Element): number | undefined {
  if (tag !== UTC_TIME && tag !== GENERALIZED_TIME) return undefined;
  const text = content.toString('latin1');
  const century = tag === GENERALIZED_TIME ? '' : Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text) ?? [];
  if (parts.length === 0) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts.map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
