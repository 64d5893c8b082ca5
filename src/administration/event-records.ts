// Events as records of a stream: what the log says of an event, with the same names, whatever the level of the log is.
import type { BrokerEvent, LifecycleEvent } from '../ports/index.js';
import { describeEvent, levelOf } from '../ports/index.js';
import type { EventLevel } from '../ports/index.js';

type Event = BrokerEvent | LifecycleEvent;

export const SEVERITY: Readonly<Record<EventLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 };

/** Which events are wanted. */
export interface EventFilter {
  readonly level: EventLevel;
  readonly clientId?: string | undefined;
  readonly event?: string | readonly string[] | undefined;
}

export function passes(event: Event, { level, clientId, event: kinds }: EventFilter): boolean {
  if (SEVERITY[levelOf(event)] < SEVERITY[level]) return false;
  if (kinds !== undefined && !(typeof kinds === 'string' ? kinds === event.kind : kinds.includes(event.kind)))
    return false;
  return clientId === undefined || isAbout(event, clientId);
}

/** Whether the event is about this client, its queue, or a command that concerns it. */
export function isAbout(event: Event, clientId: string): boolean {
  // The name of a client's queue, as docs/events.md has it.
  if (event.kind === 'message-dropped') return event.queue === `c:${clientId}`;
  if (event.kind === 'operator-command') return event.subject === clientId;
  return 'clientId' in event && event.clientId === clientId;
}

/** Without the time. @param userNames whether it says which user a client gave. */
export function recordOf(event: Event, userNames: boolean): object {
  const { kind, ...fields } = event;
  const shown = {
    ...fields,
    ...('error' in fields && fields.error instanceof Error ? { error: fields.error.message } : {}),
    ...('userName' in fields && !userNames ? { userName: undefined } : {}),
  };
  return { level: levelOf(event), event: kind, ...shown, msg: describeEvent(event) };
}
