// A broken promise: the invariant and the observation. Only the first violation of a run counts, because later ones may
// follow from it.

/** The name of an invariant, as docs/architecture/simulation.md lists them. */
export type InvariantName =
  | 'acknowledged is stored'
  | 'nothing acknowledged is lost'
  | 'QoS 2 comes once'
  | 'no repeat without DUP'
  | 'DUP only on repeats'
  | 'order'
  | 'only to subscribers'
  | 'only what may be received'
  | 'granted QoS'
  | 'messages of the broker'
  | 'retained state'
  | 'refusals'
  | 'session present'
  | 'session expiry'
  | 'credentials'
  | 'wills'
  | 'operator commands'
  | 'backups'
  | 'packet identifiers'
  | 'window'
  | 'topic aliases'
  | 'maximum packet size'
  | 'message expiry'
  | 'no local'
  | 'retain options'
  | 'subscription identifiers'
  | 'reason codes'
  | 'refused messages'
  | 'bounded memory'
  | 'accounting'
  | 'liveness'
  | 'no failure';

/** A broken promise: the invariant and what was observed. */
export interface Violation {
  readonly invariant: InvariantName;
  readonly detail: string;
}

/** Reports that an invariant does not hold. */
export type Fail = (detail: string) => void;

export class Verdict {
  #violation: Violation | undefined;

  get violation(): Violation | undefined {
    return this.#violation;
  }

  fail(invariant: InvariantName, detail: string): void {
    this.#violation ??= { invariant, detail };
  }
}
