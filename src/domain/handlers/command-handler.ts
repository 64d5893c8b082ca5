// Carries out the commands of an operator. An outcome waits for all that was recorded before it, not only for what the
// command recorded: "not found" must not be undone by a crash either, and a command is too rare to be worth finer
// rules.
import { subjectOf } from '../commands.js';
import type { Command, CommandOutcome, OperatorMessage } from '../commands.js';
import type { Pressed } from '../slowed-publisher.js';
import type { Connections } from '../connect/connections.js';
import type { Context } from '../context.js';
import type { ClientId, TopicName } from '../identifiers.js';
import type { CommandInput } from '../inputs.js';
import type { MessageDispatcher } from '../publish/message-dispatcher.js';
import type { Session } from '../session/session.js';
import { PurgeTask } from './purge-task.js';
import { isOwnTopic, OWN_TOPICS } from '../topics/own-topic.js';
import { topicNameProblem } from '../topics/topic-name.js';

const DONE: CommandOutcome = { result: 'done' };
const NOT_FOUND: CommandOutcome = { result: 'not-found' };

export class CommandHandler {
  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly dispatcher: MessageDispatcher,
  ) {}

  handle(input: CommandInput): void {
    const { command, actor } = input;
    switch (command.kind) {
      case 'disconnect':
        this.#answer(input, this.#disconnect(this.#sessionOf(command), actor, command.reasonCode) ? DONE : NOT_FOUND);
        return;
      case 'delete-session':
        this.#answer(input, this.#deleteSession(this.#sessionOf(command), actor) ? DONE : NOT_FOUND);
        return;
      case 'delete-retained':
        this.#answer(input, this.dispatcher.retention.clear(command.topic as TopicName) ? DONE : NOT_FOUND);
        return;
      case 'purge-queue':
        this.#purgeQueue(input, this.#sessionOf(command));
        return;
      case 'publish':
        this.#publish(input, command.message);
        return;
      case 'backup':
        this.#answer(input, DONE);
        return;
    }
  }

  #sessionOf({ clientId }: Extract<Command, { readonly clientId: string }>): Session | undefined {
    return this.connections.sessions.get(clientId as ClientId);
  }

  /** @returns whether there was a connection. */
  #disconnect(session: Session | undefined, actor: string, reasonCode?: number): boolean {
    const connection = session?.holder === undefined ? undefined : this.connections.get(session.holder);
    if (connection === undefined) return false;
    this.connections.end(connection, 'administrative-action', { detail: `by ${actor}`, reasonCode });
    return true;
  }

  /** @returns whether there was a session. */
  #deleteSession(session: Session | undefined, actor: string): boolean {
    if (session === undefined) return false;
    this.#disconnect(session, actor);
    // A session that does not outlive its connection has ended with it.
    if (!session.isOver) this.connections.sessions.end(session, 'administrative');
    return true;
  }

  #purgeQueue(input: CommandInput, session: Session | undefined): void {
    if (session === undefined) {
      this.#answer(input, NOT_FOUND);
      return;
    }
    const purge = new PurgeTask(this.context, session, (dropped) => {
      this.#answer(input, { result: 'purged', dropped });
    });
    if (!purge.run()) this.context.work.add(purge);
  }

  #publish(input: CommandInput, { topic, payload, qos, retain, properties }: OperatorMessage): void {
    const detail = this.#messageProblem(topic, payload, qos, retain);
    if (detail !== undefined) {
      this.#answer(input, { result: 'refused', detail });
      return;
    }
    const draft = { topic: topic as TopicName, payload, qos, retain, properties };
    const origin = { kind: 'operator', actor: input.actor } as const;
    const route = this.dispatcher.routeAtOnce(draft.topic);
    if (route === undefined) {
      this.dispatcher.queue(
        draft,
        origin,
        () => undefined,
        ({ matched, accepted, full }) => {
          this.#answer(input, full === undefined ? { result: 'published', matched, accepted } : noRoomIn(full));
        },
      );
      return;
    }
    const full = this.dispatcher.fullQueue(draft, origin, route);
    if (full !== undefined) {
      this.#answer(input, noRoomIn(full));
      return;
    }
    const { matched, accepted } = this.dispatcher.publish(draft, origin, route);
    this.#answer(input, { result: 'published', matched, accepted });
  }

  #messageProblem(topic: string, { byteLength }: Uint8Array, qos: number, retain: boolean): string | undefined {
    const { limits } = this.context;
    const problem = topicNameProblem(topic, limits);
    if (problem !== undefined) return problem;
    // A client's topic was checked by the decoder [MQTT-1.5.3-1], [MQTT-1.5.3-2].
    if (topic.includes('\0') || /[\ud800-\udfff]/u.test(topic))
      return 'a Topic Name has no U+0000 and no unpaired surrogates';
    if (isOwnTopic(topic)) return `below ${OWN_TOPICS} the broker alone publishes`;
    if (qos > limits.maxQos) return `QoS ${qos}, ${limits.maxQos} is the highest`;
    if (retain && !limits.retainedMessages) return 'retained messages are not supported';
    if (byteLength > limits.maxPacketSize) return `the payload has more than ${limits.maxPacketSize} bytes`;
    return undefined;
  }

  #answer({ request, actor, command }: CommandInput, outcome: CommandOutcome): void {
    const { effects, changes } = this.context;
    if (command.kind !== 'publish' || command.isReported !== false)
      effects.emit({
        kind: 'operator-command',
        actor,
        command: command.kind,
        subject: subjectOf(command),
        result: outcome.result,
      });
    effects.answerCommand(request, outcome, changes.last);
  }
}

const noRoomIn = ({ id }: Pressed): CommandOutcome => ({ result: 'refused', detail: `no room in the queue ${id}` });
