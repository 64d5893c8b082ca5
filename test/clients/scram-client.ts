// The client's side of SCRAM (RFC 5802), written for the tests: it shares nothing with the adapter.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

export type ScramHash = 'sha256' | 'sha512';

export interface ScramClientOptions {
  readonly user: string;
  readonly password: string;
  readonly hash?: ScramHash;
  readonly nonce?: string;
  /** `n,,` or `y,,`. */
  readonly gs2Header?: string;
}

export class ScramClient {
  readonly #hash: ScramHash;
  readonly #password: string;
  readonly #header: string;
  readonly #bare: string;
  #expected = '';
  /** Of the challenge. */
  salt = '';
  iterations = 0;

  constructor({
    user,
    password,
    hash = 'sha256',
    nonce = randomBytes(18).toString('base64'),
    gs2Header = 'n,,',
  }: ScramClientOptions) {
    this.#hash = hash;
    this.#password = password;
    this.#header = gs2Header;
    this.#bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  }

  get method(): string {
    return this.#hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512';
  }

  first(): Buffer {
    return Buffer.from(this.#header + this.#bare);
  }

  /** The answer to the server's first message. */
  final(challenge: Uint8Array): Buffer {
    const serverFirst = Buffer.from(challenge).toString();
    const [, nonce = '', salt = '', count = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
    this.salt = salt;
    this.iterations = Number(count);
    const bytes = this.#hash === 'sha256' ? 32 : 64;
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt, 'base64'), this.iterations, bytes, this.#hash);
    const clientKey = this.#hmac(salted, 'Client Key');
    const withoutProof = `c=${Buffer.from(this.#header).toString('base64')},r=${nonce}`;
    const message = `${this.#bare},${serverFirst},${withoutProof}`;
    const signature = this.#hmac(createHash(this.#hash).update(clientKey).digest(), message);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
    this.#expected = `v=${this.#hmac(this.#hmac(salted, 'Server Key'), message).toString('base64')}`;
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Whether the server's last message proves that it knows the user. */
  trusts(final: Uint8Array | undefined): boolean {
    return this.#expected !== '' && Buffer.from(final ?? []).toString() === this.#expected;
  }

  #hmac(key: Buffer, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest();
  }
}
