// The two messages of a client in SCRAM (RFC 5802 sections 5 and 7), without channel binding. The client is not known
// yet, so nothing in them can be relied on.
import { prepared } from './prepared.js';

/** Much more than a user name and a nonce take. */
const MESSAGE_BYTES_MAX = 4096;

/** What is wrong with a message, for the log. It quotes nothing. */
export class ScramFault extends Error {
  override readonly name = 'ScramFault';
}

export interface ClientFirst {
  /** `n,,` or `y,,`; the client repeats it in its second message. */
  readonly gs2Header: string;
  /** The message without that header. */
  readonly bare: string;
  readonly userName: string;
  readonly nonce: string;
}

export interface ClientFinal {
  readonly nonce: string;
  readonly proof: Buffer;
  /** What of the message the proof is about. */
  readonly withoutProof: string;
}

/** @throws ScramFault */
export function parseClientFirst(data: Uint8Array): ClientFirst {
  const message = textOf(data);
  const [, header = '', bare = ''] = /^([^,]*,[^,]*,)(.*)$/s.exec(message) ?? [];
  if (header.startsWith('p=')) throw new ScramFault('channel binding is not supported');
  // `y`: the client could bind the channel and has found that this server cannot.
  if (header !== 'n,,' && header !== 'y,,')
    throw new ScramFault('its first message has another beginning than n,, or y,,');
  const [name = '', nonce = '', ...extensions] = bare.split(',');
  if (name.startsWith('m=')) throw new ScramFault('it demands an extension that is not known');
  if (!name.startsWith('n=') || !nonce.startsWith('r=') || !extensions.every(isExtension))
    throw new ScramFault('its first message is not n=user,r=nonce');
  return { gs2Header: header, bare, userName: userNameOf(name.slice(2)), nonce: nonceOf(nonce.slice(2)) };
}

/** @throws ScramFault */
export function parseClientFinal(data: Uint8Array, gs2Header: string): ClientFinal {
  const message = textOf(data);
  const at = message.lastIndexOf(',p=');
  const withoutProof = message.slice(0, Math.max(at, 0));
  const [binding, nonce = '', ...extensions] = withoutProof.split(',');
  if (at < 0 || !nonce.startsWith('r=') || !extensions.every(isExtension))
    throw new ScramFault('its last message is not c=header,r=nonce,p=proof');
  if (binding !== `c=${Buffer.from(gs2Header).toString('base64')}`)
    throw new ScramFault('its two messages differ in channel binding');
  return { nonce: nonce.slice(2), proof: base64Of(message.slice(at + 3)), withoutProof };
}

function textOf(data: Uint8Array): string {
  if (data.length > MESSAGE_BYTES_MAX) throw new ScramFault(`its message takes more than ${MESSAGE_BYTES_MAX} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch (error) {
    throw new ScramFault('its message is not UTF-8', { cause: error });
  }
}

function userNameOf(encoded: string): string {
  if (/=(?!2C|3D)/.test(encoded)) throw new ScramFault('its user name has a = that is not =2C or =3D');
  const userName = prepared(encoded.replaceAll('=2C', ',').replaceAll('=3D', '='), 'looked-up');
  if (userName === undefined) throw new ScramFault('its user name is not one that RFC 4013 permits');
  return userName;
}

function nonceOf(nonce: string): string {
  if (!/^[\x21-\x7e]+$/.test(nonce)) throw new ScramFault('its nonce is not printable ASCII');
  return nonce;
}

function base64Of(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new ScramFault('its proof is not base64');
  return bytes;
}

/** Optional extensions, which may be ignored. */
const isExtension = (attribute: string): boolean => /^[A-Za-z]=/.test(attribute) && !attribute.startsWith('m=');
