// The request to the service: the configuration says which data of a client goes where. Data only becomes values of the
// query, of JSON or of a form, which are encoded as a whole, so that no name of a client can change the request.
import { isUtf8 } from 'node:buffer';
import type { PeerInfo } from 'hexmq/ports';

/** The client a request is about. Only authenticators have the password. */
export interface Subject {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly listener: string;
  readonly peer: PeerInfo;
}

export type Encoding = 'json' | 'form';

export interface LookupRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly contentType: string | undefined;
  readonly body: string | undefined;
}

/** The client sent data that cannot be put in a request. */
export class UnencodableError extends Error {
  override readonly name = 'UnaskableError';
}

const VALUES = {
  clientId: ({ clientId }: Subject) => clientId,
  userName: ({ userName }: Subject) => userName,
  password: ({ password }: Subject) => (password === undefined ? undefined : decodePassword(password)),
  ipAddress: ({ peer }: Subject) => peer.ipAddress,
  remoteAddress: ({ peer }: Subject) => peer.remoteAddress,
  listener: ({ listener }: Subject) => listener,
  commonName: ({ peer }: Subject) => peer.certificate?.commonName,
};
export type Placeholder = keyof typeof VALUES;
export const PLACEHOLDERS = Object.keys(VALUES) as Placeholder[];

/** Literal text or a placeholder. */
type Part = string | { readonly placeholder: Placeholder };

const CONTENT_TYPES = { json: 'application/json', form: 'application/x-www-form-urlencoded' };

/** Named values with placeholders `${…}` for data of the client. */
export class ValueTemplates {
  readonly #templates = new Map<string, readonly Part[]>();

  /** @throws TypeError naming a placeholder that is not among `known`. */
  add(name: string, text: string, known: readonly Placeholder[]): void {
    const parts = text.split(/(\$\{[^}]*\})/).filter((part) => part !== '');
    this.#templates.set(
      name,
      parts.map((part) => {
        if (!part.startsWith('${')) return part;
        const placeholder = known.find((each) => part === `\${${each}}`);
        if (placeholder === undefined)
          throw new TypeError(`${part} is unknown, expected ${known.map((each) => `\${${each}}`).join(', ')}`);
        return { placeholder };
      }),
    );
  }

  /**
   * Absent data (no user name, no certificate) leaves the value out if it is the whole value, and becomes empty if it
   * is part of one.
   */
  fill(subject: Subject): [name: string, value: string][] {
    return [...this.#templates].flatMap(([name, parts]): [string, string][] => {
      const values = parts.map((part) => (typeof part === 'string' ? part : VALUES[part.placeholder](subject)));
      return values.length === 1 && values[0] === undefined ? [] : [[name, values.join('')]];
    });
  }
}

export class RequestTemplate {
  constructor(
    readonly url: URL,
    readonly query: ValueTemplates,
    /** `undefined` for a GET request. */
    readonly body: { readonly values: ValueTemplates; readonly encoding: Encoding } | undefined,
  ) {}

  /** @throws UnaskableError */
  fill(subject: Subject): LookupRequest {
    const url = new URL(this.url);
    for (const [name, value] of this.query.fill(subject)) url.searchParams.append(name, value);
    if (this.body === undefined) return { url, method: 'GET', contentType: undefined, body: undefined };
    const { values, encoding } = this.body;
    const filled = values.fill(subject);
    const body =
      encoding === 'json' ? JSON.stringify(Object.fromEntries(filled)) : new URLSearchParams(filled).toString();
    return { url, method: 'POST', contentType: CONTENT_TYPES[encoding], body };
  }
}

/** Replacing invalid bytes would make different passwords equal. */
function decodePassword(password: Uint8Array): string {
  if (!isUtf8(password)) throw new UnencodableError('the password is not UTF-8');
  return Buffer.from(password.buffer, password.byteOffset, password.byteLength).toString('utf8');
}
