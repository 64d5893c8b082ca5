// Operator commands: when the outcome is reported, the command has had its effect, a crash does not undo it, and the
// outcome says what there was. What a client does at the same moment may come before or after.
import type { CommandOutcome } from '../../../ports/index.js';
import type { Evidence } from '../evidence/evidence.js';
import { hasReturned } from '../evidence/operator-commands.js';
import type { ObservedCommand } from '../evidence/operator-commands.js';
import type { Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class OperatorCommands implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  commandAnswered(observed: ObservedCommand, { result }: CommandOutcome): void {
    const { command, accepted } = observed;
    if (command.kind === 'purge-queue') {
      this.#queuePurged(observed, command.clientId, result);
      return;
    }
    for (const { client, isEnded } of accepted)
      if (!isEnded) this.fail(`${command.kind} is ${result}, and ${client.name} is still connected`);
    if (command.kind === 'delete-session') this.#sessionDeleted(observed, command.clientId, result);
    if (command.kind === 'delete-retained') this.#retainedDeleted(observed, command.topic);
  }

  #sessionDeleted(observed: ObservedCommand, name: string, result: CommandOutcome['result']): void {
    const { givenAt, sessionWasStored } = observed;
    if ((this.evidence.disk.sessions.get(name) ?? Infinity) < givenAt)
      this.fail(`the session of ${name} is deleted, and the disk still has it`);
    if (sessionWasStored === 'yes' && result === 'not-found' && !hasReturned(observed))
      this.fail(`the session of ${name} is said not to exist, and it was stored`);
  }

  /** What was acknowledged after the client had gone was never sent, so nothing of it may be left. */
  #queuePurged(observed: ObservedCommand, name: string, result: CommandOutcome['result']): void {
    const { client, givenAt, accepted, sessionWasStored } = observed;
    if (client === undefined || accepted.length > 0 || hasReturned(observed)) return;
    if (sessionWasStored === 'yes' && result === 'not-found')
      this.fail(`the session of ${name} is said not to exist, and it was stored`);
    if (result !== 'purged') return;
    for (const { tag, released } of this.evidence.disk.entriesOf(client.queue)) {
      const { firstReceivedAt = 0, acknowledgedAt = Infinity } = this.evidence.publications.get(tag) ?? {};
      if (!released && firstReceivedAt > client.lastEndAt && acknowledgedAt < givenAt)
        this.fail(`the queue of ${name} is purged, and the disk still has ${tag}`);
    }
  }

  #retainedDeleted({ givenAt }: ObservedCommand, topic: string): void {
    const { disk, publications } = this.evidence;
    const kept = publications.get(disk.retained.get(topic) ?? '');
    if (kept !== undefined && kept.lastEffectAt < givenAt)
      this.fail(`the retained message of ${topic} is deleted, and the disk still has ${kept.tag}`);
  }
}
