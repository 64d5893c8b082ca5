// One exchange of SCRAM (RFC 5802 section 5). The server's nonce is new in each, so that what a client once sent proves
// nothing in another. An unknown user is treated as a known one up to the proof, which then cannot be right.
import { timingSafeEqual } from 'node:crypto';
import type { Exchange, ExchangeAnswer } from 'hexmq/ports';
import { digest, hmac } from './credentials.js';
import type { Method, Salting, ScramCredentials } from './credentials.js';
import { parseClientFinal, parseClientFirst, ScramFault } from './messages.js';
import type { ClientFirst } from './messages.js';

/** What the exchange finds for a user name. */
export interface Found {
  readonly isKnown: boolean;
  /** Of an unknown user they are invented. */
  readonly credentials: ScramCredentials;
}

export interface ScramExchangeParts {
  readonly method: Method;
  readonly find: (userName: string) => Found;
  /** Printable, and never the same again. */
  readonly newNonce: () => string;
}

interface Challenged {
  readonly first: ClientFirst;
  readonly nonce: string;
  readonly serverFirst: string;
  readonly found: Found;
}

export class ScramExchange implements Exchange {
  readonly #parts: ScramExchangeParts;
  #hasBegun = false;
  #challenged: Challenged | undefined;

  constructor(parts: ScramExchangeParts) {
    this.#parts = parts;
  }

  next(data: Uint8Array | undefined): ExchangeAnswer {
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    try {
      // The client speaks first: one that has sent nothing with CONNECT is given its turn.
      if (data === undefined && isFirst) return { decision: 'continue' };
      if (data === undefined) throw new ScramFault('it has sent no message');
      return this.#challenged === undefined ? this.#challenge(data) : this.#verify(data, this.#challenged);
    } catch (error) {
      if (!(error instanceof ScramFault)) throw error;
      return this.#deny(error.message);
    }
  }

  end(): void {
    this.#challenged = undefined;
  }

  #challenge(data: Uint8Array): ExchangeAnswer {
    const first = parseClientFirst(data);
    const found = this.#parts.find(first.userName);
    const { salt, iterations }: Salting = found.credentials;
    const nonce = first.nonce + this.#parts.newNonce();
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.#challenged = { first, nonce, serverFirst, found };
    return { decision: 'continue', data: Buffer.from(serverFirst), claimedUserName: first.userName };
  }

  #verify(data: Uint8Array, { first, nonce, serverFirst, found }: Challenged): ExchangeAnswer {
    const { method } = this.#parts;
    const final = parseClientFinal(data, first.gs2Header);
    if (final.nonce !== nonce) throw new ScramFault('it answers another challenge than the one that it got');
    const { storedKey, serverKey } = found.credentials;
    const message = `${first.bare},${serverFirst},${final.withoutProof}`;
    const isRight = isProof(method, storedKey, message, final.proof);
    if (!found.isKnown) return this.#deny(`unknown user for ${method}`);
    if (!isRight) return this.#deny('wrong password');
    const verifier = `v=${hmac(method, serverKey, message).toString('base64')}`;
    return { decision: 'allow', userName: first.userName, data: Buffer.from(verifier) };
  }

  #deny(why: string): ExchangeAnswer {
    const claimedUserName = this.#challenged?.first.userName;
    return { decision: 'deny', reason: 'bad-credentials', detail: `scram: ${why}`, claimedUserName };
  }
}

/** Whether the client has the key of which the hash is stored. Takes the same time whatever the proof is. */
function isProof(method: Method, storedKey: Buffer, message: string, proof: Buffer): boolean {
  const signature = hmac(method, storedKey, message);
  const clientKey = Buffer.from(signature.map((byte, index) => byte ^ (proof[index] ?? 0)));
  return timingSafeEqual(digest(method, clientKey), storedKey) && proof.length === signature.length;
}
