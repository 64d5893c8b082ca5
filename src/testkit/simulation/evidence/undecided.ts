// Publications that the broker has received and may not have handled yet: a publisher to a queue that is behind waits,
// and with it what it has sent. Until an answer to this or to a later publication of the connection shows that they
// were handled, they can still have an effect.
import type { LogicalClock } from './logical-clock.js';
import type { ObservedConnection } from './observed-connection.js';
import type { Publication } from './publications.js';

export class Undecided {
  readonly #byConnection = new Map<ObservedConnection, Publication[]>();

  constructor(
    readonly clock: LogicalClock,
    /** Whether there are queues so small that publishers wait. */
    readonly publishersWait: boolean,
  ) {}

  received(connection: ObservedConnection, publication: Publication): void {
    if (!this.publishersWait || publication.lastEffectAt !== this.clock.now) return;
    const waiting = this.#byConnection.get(connection);
    if (waiting === undefined) this.#byConnection.set(connection, [publication]);
    else waiting.push(publication);
    publication.lastEffectAt = Infinity;
  }

  /** The publication was answered, so the earlier ones of the connection have been handled too. */
  answered(connection: ObservedConnection, publication: Publication): void {
    const waiting = this.#byConnection.get(connection);
    if (waiting === undefined) return;
    this.#decide(waiting.splice(0, waiting.lastIndexOf(publication) + 1));
  }

  /**
   * The broker has done all its work: nothing waits that has come from connections which have ended.
   * @param isStillHandled of a client without a connection, whether the broker has not reported its end yet: what it
   * had sent before waits for its turn.
   */
  settled(isStillHandled: (client: string) => boolean): void {
    for (const connection of this.#byConnection.keys()) {
      const { name, openConnections } = connection.client;
      if (connection.isEnded && !(openConnections === 0 && isStillHandled(name))) this.#forget(connection);
    }
  }

  crashed(): void {
    for (const connection of this.#byConnection.keys()) this.#forget(connection);
  }

  #forget(connection: ObservedConnection): void {
    this.#decide(this.#byConnection.get(connection) ?? []);
    this.#byConnection.delete(connection);
  }

  #decide(publications: readonly Publication[]): void {
    for (const one of publications) if (one.lastEffectAt === Infinity) one.lastEffectAt = this.clock.now;
  }
}
