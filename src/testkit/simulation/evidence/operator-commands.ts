// What the evidence says about the commands of operators. From the moment at which a command is given it may take
// effect; once it is answered it certainly has. Between the two an observer cannot tell, and after a crash the disk
// does.
import type { Command } from '../../../ports/index.js';
import type { DiskContents } from './disk-contents.js';
import type { LogicalClock } from './logical-clock.js';
import type { ObservedClient } from './observed-client.js';
import type { ObservedConnection } from './observed-connection.js';
import type { Publication, Publications } from './publications.js';

export interface OperatorCommandsParts {
  readonly clock: LogicalClock;
  readonly disk: DiskContents;
  readonly clients: ReadonlyMap<string, ObservedClient>;
  readonly publications: Publications;
  readonly connections: () => Iterable<ObservedConnection>;
  /** A session ends with the command, or has ended before. */
  readonly sessionMayEnd: (clientId: string) => void;
}

export interface ObservedCommand {
  readonly command: Command;
  readonly givenAt: number;
  /** The client that it is about, if it has ever connected. */
  readonly client: ObservedClient | undefined;
  /** Whether the broker had a session of it when the command was given. */
  readonly sessionWasStored: ObservedClient['sessionStored'];
  /** Its connections at that moment that a CONNACK had accepted, and whether it had another one. */
  readonly accepted: readonly ObservedConnection[];
  readonly wasConnecting: boolean;
  /** A retained message that is deleted counts as one that is replaced by nothing. */
  readonly clear: Publication | undefined;
}

export class OperatorCommands {
  readonly #parts: OperatorCommandsParts;
  readonly #unanswered = new Set<ObservedCommand>();
  /** Publications that may take effect before a command or after it, because both came in one turn. */
  readonly #concurrent = new Set<Publication>();
  /** When the latest turn ended: what came before had its effect by then. */
  #turnEndedAt = 0;

  constructor(parts: OperatorCommandsParts) {
    this.#parts = parts;
  }

  given(command: Command): ObservedCommand {
    const { clock, clients } = this.#parts;
    const givenAt = clock.tick();
    const client = 'clientId' in command ? clients.get(command.clientId) : undefined;
    const open = [...this.#parts.connections()].filter((one) => one.client === client && !one.isEnded);
    const accepted = open.filter(({ isAccepted }) => isAccepted);
    const observed: ObservedCommand = {
      command,
      givenAt,
      client,
      sessionWasStored: client?.sessionStored ?? 'no',
      accepted,
      wasConnecting: open.length > accepted.length,
      clear: command.kind === 'delete-retained' ? this.#mayClear(command.topic) : undefined,
    };
    if (command.kind === 'delete-session' && client !== undefined) this.#mayDelete(client, open);
    this.#unanswered.add(observed);
    return observed;
  }

  answered(observed: ObservedCommand): void {
    this.#unanswered.delete(observed);
    const { command, clear, client, givenAt } = observed;
    if (clear !== undefined) {
      clear.acknowledgedAt = this.#parts.clock.tick();
      clear.certainEffectAt = givenAt;
    }
    if (command.kind !== 'delete-session' || client === undefined || hasReturned(observed)) return;
    client.sessionEnded(client.current);
    client.sessionStored = 'no';
    client.isSessionAnnounced = false;
  }

  turnEnded(): void {
    this.#turnEndedAt = this.#parts.clock.now;
    for (const one of this.#concurrent) if (one.lastEffectAt === Infinity) one.lastEffectAt = this.#turnEndedAt;
    this.#concurrent.clear();
  }

  /** The broker has died, and the disk holds what is left. */
  crashed(): void {
    const { disk } = this.#parts;
    for (const { command, client } of this.#unanswered) {
      if (command.kind !== 'delete-session' || client === undefined) continue;
      const { name } = client;
      client.sessionRestored(disk.sessions.has(name) ? disk.subscriptionsOf(name) : undefined);
    }
    this.#unanswered.clear();
    this.turnEnded();
  }

  #mayDelete(client: ObservedClient, open: readonly ObservedConnection[]): void {
    client.deletionGivenAt = this.#parts.clock.now;
    this.#parts.sessionMayEnd(client.name);
    client.sessionMayHaveEnded();
    for (const one of this.#parts.publications.all)
      if (one.publisher === client.name && one.receivedCount > 0 && !one.isReleased) one.mayBeForgotten = true;
    if (client.sessionStored === 'yes') client.sessionStored = 'unknown';
    // One that is not accepted yet may be so before the command or after it.
    for (const one of open) if (!one.isAccepted && one.sessionWasStored === 'yes') one.sessionWasStored = 'unknown';
  }

  #mayClear(topic: string): Publication {
    const { publications, clock } = this.#parts;
    for (const one of publications.onTopic(topic)) {
      if (one.firstReceivedAt === undefined || one.lastEffectAt <= this.#turnEndedAt) continue;
      if (one.lastEffectAt < Infinity) this.#concurrent.add(one);
      one.lastEffectAt = Infinity;
    }
    const clear = publications.getOrCreate('', 'operator', topic, 1, true);
    clear.firstReceivedAt = clock.now;
    clear.lastEffectAt = Infinity;
    this.#concurrent.add(clear);
    return clear;
  }
}

/** Whether the client may have a session that began after the command was given. */
export const hasReturned = ({ client, wasConnecting, givenAt }: ObservedCommand): boolean =>
  wasConnecting || (client?.lastConnectAt ?? 0) > givenAt;
