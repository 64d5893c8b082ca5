// The tokens with which connections were authenticated, as long as the connections last.

export interface Token {
  readonly address: string;
  /** By the wall clock. */
  readonly expiresAtMs: number;
  /** When the token was first seen to be over, by the monotonic clock. */
  overSinceMs: number | undefined;
}

export class Tokens {
  readonly #byAddress = new Map<string, Token>();

  get all(): Iterable<Token> {
    return this.#byAddress.values();
  }

  of(address: string | undefined): Token | undefined {
    return address === undefined ? undefined : this.#byAddress.get(address);
  }

  issued(address: string, expiresAtMs: number): void {
    this.#byAddress.set(address, { address, expiresAtMs, overSinceMs: undefined });
  }

  connectionEnded(address: string | undefined): void {
    if (address !== undefined) this.#byAddress.delete(address);
  }

  crashed(): void {
    this.#byAddress.clear();
  }
}
