// A broken promise: which invariant, and what was seen. The first one of a run is kept; what comes after may follow from it.

export type Invariant =
  | 'acknowledged is stored'
  | 'nothing acknowledged is lost'
  | 'QoS 2 comes once'
  | 'no repeat without DUP'
  | 'order'
  | 'only to subscribers'
  | 'only what may be received'
  | 'granted QoS'
  | 'retained state'
  | 'session present'
  | 'session expiry'
  | 'wills'
  | 'packet identifiers'
  | 'window'
  | 'bounded memory'
  | 'accounting'
  | 'liveness'
  | 'no failure';

export interface Violation {
  readonly invariant: Invariant;
  readonly detail: string;
}

export class Verdict {
  #violation: Violation | undefined;

  get violation(): Violation | undefined {
    return this.#violation;
  }

  fail(invariant: Invariant, detail: string): void {
    this.#violation ??= { invariant, detail };
  }
}
