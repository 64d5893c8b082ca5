// The commands of the administration. Those that change what the broker stores are inputs of the core; a reload and the
// level of the log are changes of the process, and events of the same kind report them.
import { AdministrationError } from '../ports/index.js';
import type { Actor, Command, CommandOutcome, OperatorMessage } from '../ports/index.js';
import { BoundedCalls } from './bounded-calls.js';
import type { BrokerParts } from './broker-parts.js';
import type { AnswerOf, CheckedRequestOf } from './operations.js';

const COMMANDS = {
  max: 100,
  timeoutMs: 30_000,
  busy: 'too many commands wait for storage: try again in a moment',
  late: 'storage has not confirmed the command within 30 s; it may still take effect',
};

export class Commands {
  readonly #waiting: BoundedCalls;

  constructor(readonly parts: BrokerParts) {
    this.#waiting = new BoundedCalls(parts.clock, COMMANDS);
  }

  async disconnect({ clientId }: { readonly clientId: string }, actor: Actor): Promise<AnswerOf<'disconnect'>> {
    await this.#give({ kind: 'disconnect', clientId }, actor, `the client ${clientId} is not connected`);
    return { result: 'done' };
  }

  async deleteSession({ clientId }: { readonly clientId: string }, actor: Actor): Promise<AnswerOf<'delete-session'>> {
    await this.#give({ kind: 'delete-session', clientId }, actor, noSessionOf(clientId));
    return { result: 'done' };
  }

  async deleteRetained({ topic }: { readonly topic: string }, actor: Actor): Promise<AnswerOf<'delete-retained'>> {
    await this.#give({ kind: 'delete-retained', topic }, actor, `the topic ${topic} has no retained message`);
    return { result: 'done' };
  }

  async purgeQueue({ clientId }: { readonly clientId: string }, actor: Actor): Promise<AnswerOf<'purge-queue'>> {
    const outcome = await this.#give({ kind: 'purge-queue', clientId }, actor, noSessionOf(clientId));
    return { dropped: outcome.result === 'purged' ? outcome.dropped : 0 };
  }

  async publish(request: CheckedRequestOf<'publish'>, actor: Actor): Promise<AnswerOf<'publish'>> {
    const outcome = await this.#give({ kind: 'publish', message: messageOf(request) }, actor, '');
    return outcome.result === 'published'
      ? { matched: outcome.matched, accepted: outcome.accepted }
      : { matched: 0, accepted: 0 };
  }

  async reload(actor: Actor): Promise<AnswerOf<'reload'>> {
    const { problems, restartNeeded } = await this.#waiting.run(async () => {
      const result = await this.parts.reload();
      // Here, because a caller may have waited too long for it.
      this.#report('reload', actor, '', result.problems.length === 0 ? 'done' : 'refused');
      return result;
    });
    return { problems: [...problems], restartNeeded: [...restartNeeded] };
  }

  logLevel({ level }: CheckedRequestOf<'log-level'>, actor: Actor): AnswerOf<'log-level'> {
    const { levels } = this.parts;
    const [first] = levels;
    if (first === undefined)
      throw new AdministrationError('unavailable', 'this broker has no log whose level can be set');
    const before = first.level;
    // The event belongs to the log that it is about, at whichever of the two levels shows more.
    this.#report('log-level', actor, level, 'done');
    for (const one of levels) one.level = level;
    return { level, before };
  }

  /** @param notFound what to say if there is nothing that the command is about. */
  async #give(command: Command, { name }: Actor, notFound: string): Promise<CommandOutcome> {
    const outcome = await this.#waiting.run(() => this.parts.control.command(command, name));
    if (outcome.result === 'not-found') throw new AdministrationError('not-found', notFound);
    if (outcome.result === 'refused') throw new AdministrationError('refused', outcome.detail);
    return outcome;
  }

  #report(command: 'reload' | 'log-level', { name }: Actor, subject: string, result: CommandOutcome['result']): void {
    this.parts.emit({ kind: 'operator-command', actor: name, command, subject, result });
  }
}

export const noSessionOf = (clientId: string): string => `there is no session of ${clientId}`;

function messageOf(request: CheckedRequestOf<'publish'>): OperatorMessage {
  const {
    topic,
    qos,
    retain,
    payload = '',
    payloadBase64,
    messageExpiryInterval,
    contentType,
    responseTopic,
  } = request;
  const properties = {
    ...(messageExpiryInterval === undefined ? {} : { messageExpiryInterval }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
  };
  return {
    topic,
    payload: payloadBase64 === undefined ? Buffer.from(payload) : Buffer.from(payloadBase64, 'base64'),
    qos,
    retain,
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
}
