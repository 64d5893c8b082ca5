// The streams of the administration as one table, and those that are open: so many at once, each with a bound on what
// waits for its reader. As long as none is open, nothing is collected.
import type * as z from 'zod';
import { AdministrationError } from '../ports/index.js';
import type { AdministrationRole, RecordStream } from '../ports/index.js';
import type { BrokerParts } from './broker-parts.js';
import { passes, recordOf } from './event-records.js';
import { RecordBuffer } from './record-buffer.js';
import * as s from './schemas.js';
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
} as const satisfies Readonly<Record<string, Stream>>;

export type StreamName = keyof typeof STREAMS;
export type StreamRequestOf<Name extends StreamName> = z.input<(typeof STREAMS)[Name]['request']>;
type CheckedRequestOf<Name extends StreamName> = z.output<(typeof STREAMS)[Name]['request']>;

export const isStream = (name: string): name is StreamName => Object.hasOwn(STREAMS, name);

/** Of all callers together. */
export const OPEN_MAX = 16;

export class Streams {
  readonly #open = new Set<RecordBuffer>();
  readonly #openers: { readonly [Name in StreamName]: (request: CheckedRequestOf<Name>) => RecordBuffer } = {
    events: (filter) => this.#events(filter),
  };

  constructor(readonly parts: BrokerParts) {}

  /** @throws AdministrationError `busy` if too many are open. */
  open(name: StreamName, request: unknown): RecordStream {
    if (this.#open.size >= OPEN_MAX)
      throw new AdministrationError('busy', `${OPEN_MAX} streams are open: close one of them, or try again later`);
    const open = this.#openers[name] as (request: unknown) => RecordBuffer;
    const buffer = open(request);
    this.#open.add(buffer);
    return buffer;
  }

  /** The broker stops. */
  close(): void {
    for (const buffer of this.#open) buffer.end(this.#at({ event: 'stream-ended', reason: 'broker-stops' }));
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

  #at(record: object): object {
    return { time: instant(this.parts.clock.wallMs()), ...record };
  }
}
