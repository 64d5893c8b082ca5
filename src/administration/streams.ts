// The streams of the administration as one table, and those that are open: so many at once, each with a bound on what
// waits for its reader. As long as none is open, nothing is collected.
import type * as z from 'zod';
import { AdministrationError } from '../ports/index.js';
import type { Actor, AdministrationRole, ClientId, RecordStream, TopicFilter } from '../ports/index.js';
import type { BrokerParts } from './broker-parts.js';
import { isAbout, passes, recordOf } from './event-records.js';
import { RecordBuffer } from './record-buffer.js';
import * as s from './schemas.js';
import { traceRecordOf } from './trace-records.js';
import { instant } from './views.js';

interface Stream<Request extends z.ZodType = z.ZodType> {
  readonly role: AdministrationRole;
  readonly summary: string;
  readonly request: Request;
  readonly record: z.ZodType;
}

export const STREAMS = {
  events: {
    role: 'read',
    summary: 'The events of the broker as they come, whatever the level of its log is.',
    request: s.eventsRequest,
    record: s.eventRecord,
  },
  trace: {
    role: 'read',
    summary: 'What happens to messages: those on topics that match a filter, or those from and to one client.',
    request: s.traceRequest,
    record: s.traceRecord,
  },
} as const satisfies Readonly<Record<string, Stream>>;

export type StreamName = keyof typeof STREAMS;
export type StreamRequestOf<Name extends StreamName> = z.input<(typeof STREAMS)[Name]['request']>;
type CheckedRequestOf<Name extends StreamName> = z.output<(typeof STREAMS)[Name]['request']>;

export const isStream = (name: string): name is StreamName => Object.hasOwn(STREAMS, name);

/** Of all callers together. */
export const OPEN_MAX = 16;
/** Each of them takes time with every message. */
export const TRACES_MAX = 4;

export class Streams {
  readonly #open = new Map<RecordBuffer, StreamName>();
  #traces = 0;
  readonly #openers: { readonly [Name in StreamName]: (request: CheckedRequestOf<Name>) => RecordBuffer } = {
    events: (filter) => this.#events(filter),
    trace: (request) => this.#trace(request),
  };

  constructor(readonly parts: BrokerParts) {}

  /** @throws AdministrationError `busy` if too many are open. */
  open(name: StreamName, request: unknown, actor: Actor): RecordStream {
    const busy = this.#busy(name);
    // A trace shows what clients say to each other, so the log says who looked. Before it begins: it is no part of it.
    if (name === 'trace') this.#report(request as CheckedRequestOf<'trace'>, actor, busy === undefined);
    if (busy !== undefined) throw new AdministrationError('busy', `${busy}: close one of them, or try again later`);
    const open = this.#openers[name] as (request: unknown) => RecordBuffer;
    const buffer = open(request);
    this.#open.set(buffer, name);
    return buffer;
  }

  #busy(name: StreamName): string | undefined {
    if (this.#open.size >= OPEN_MAX) return `${OPEN_MAX} streams are open`;
    return name === 'trace' && this.#traces >= TRACES_MAX ? `${TRACES_MAX} traces are open` : undefined;
  }

  #report({ topicFilter, clientId = '' }: CheckedRequestOf<'trace'>, { name }: Actor, isDone: boolean): void {
    const subject = topicFilter ?? clientId;
    const result = isDone ? 'done' : 'refused';
    this.parts.emit({ kind: 'operator-command', actor: name, command: 'trace', subject, result });
  }

  /** The broker stops. */
  close(): void {
    for (const [buffer, name] of this.#open) {
      const kind = name === 'trace' ? { step: 'stream-ended' } : { event: 'stream-ended' };
      buffer.end(this.#at({ ...kind, reason: 'broker-stops' }));
    }
  }

  #events(filter: CheckedRequestOf<'events'>): RecordBuffer {
    const { events, userNames } = this.parts;
    const buffer = new RecordBuffer({
      missed: (count) => this.#at({ event: 'stream-overflow', missed: count }),
      onClosed: () => {
        unfollow();
        this.#open.delete(buffer);
      },
    });
    const unfollow = events.follow((event) => {
      if (passes(event, filter)) buffer.push(this.#at(recordOf(event, userNames)));
    });
    return buffer;
  }

  /** Ends by itself after a time and a number of steps. With a client, its events come as well, at any level. */
  #trace(request: CheckedRequestOf<'trace'>): RecordBuffer {
    const { control, clock } = this.parts;
    const { seconds, limit, clientId, topicFilter = '' } = request;
    let left = limit;
    const end = (reason: string): void => {
      buffer.end(this.#at({ step: 'stream-ended', reason }));
    };
    const push = (record: object): void => {
      buffer.push(this.#at(record));
      if (--left === 0) end('limit-reached');
    };
    const timer = clock.at(clock.nowMs() + seconds * 1000, () => {
      end('time-over');
    });
    const buffer = new RecordBuffer({
      missed: (count) => this.#at({ step: 'stream-overflow', missed: count }),
      onClosed: () => {
        timer.cancel();
        stop();
        unfollow();
        this.#traces--;
        this.#open.delete(buffer);
      },
    });
    const subject =
      clientId === undefined ? { topicFilter: topicFilter as TopicFilter } : { clientId: clientId as ClientId };
    const stop = control.trace(subject, (step) => {
      push(traceRecordOf(step));
    });
    const unfollow = clientId === undefined ? () => undefined : this.#follow(clientId, push);
    this.#traces++;
    buffer.push(this.#at({ step: 'trace-begun', topicFilter: request.topicFilter, clientId, seconds, limit }));
    return buffer;
  }

  #follow(clientId: string, push: (record: object) => void): () => void {
    const { events, userNames } = this.parts;
    return events.follow((event) => {
      if (isAbout(event, clientId)) push({ step: 'event', ...recordOf(event, userNames) });
    });
  }

  #at(record: object): object {
    return { time: instant(this.parts.clock.wallMs()), ...record };
  }
}
