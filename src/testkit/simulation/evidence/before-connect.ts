// What a client had before a CONNECT came. From its coming on, a CONNECT may end what there was; if the broker refuses
// it, all of that is as it was before, unless something else has happened to the client meanwhile.
import type { ObservedClient } from './observed-client.js';
import type { SubscriptionInterval } from './subscription-interval.js';
import type { WillLog } from './will-log.js';

export class BeforeConnect {
  readonly #sessionStored: ObservedClient['sessionStored'];
  readonly #queueIntactSince: number;
  readonly #lastConnectAt: number;
  readonly #expiry: ObservedClient['expiry'];
  readonly #certainUntil: ReadonlyMap<SubscriptionInterval, number | undefined>;
  /** The client when CONNECT had come. */
  #after = '';

  constructor(readonly client: ObservedClient) {
    this.#sessionStored = client.sessionStored;
    this.#queueIntactSince = client.queueIntactSince;
    this.#lastConnectAt = client.lastConnectAt;
    this.#expiry = client.expiry;
    this.#certainUntil = new Map(client.current.map((one) => [one, one.certainUntil]));
  }

  /** CONNECT has come. */
  connected(): void {
    this.#after = stateOf(this.client);
  }

  /** CONNECT is refused. @returns false if the client is not as it was when CONNECT had come. */
  restore(wills: WillLog, willTag: string | undefined): boolean {
    const { client } = this;
    if (stateOf(client) !== this.#after) return false;
    wills.refused(client.name, willTag);
    client.sessionStored = this.#sessionStored;
    client.queueIntactSince = this.#queueIntactSince;
    client.lastConnectAt = this.#lastConnectAt;
    for (const [interval, certainUntil] of this.#certainUntil) interval.certainUntil = certainUntil;
    if (--client.openConnections === 0) client.expiry = this.#expiry;
    return true;
  }
}

/** What anything that happens to a session or a connection of the client changes. */
const stateOf = (client: ObservedClient): string =>
  JSON.stringify([
    client.sessionStored,
    client.queueIntactSince,
    client.openConnections,
    client.lastConnectAt,
    client.lastEndAt,
    client.deletionGivenAt,
    client.current.map(({ certainFrom = null, certainUntil = null }) => [certainFrom, certainUntil]),
  ]);
