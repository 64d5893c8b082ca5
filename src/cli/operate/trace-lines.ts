// A trace for people: a line for each step, and for each message one that says what has become of it, once that is
// known of all its deliveries; for the others at the end, as far as it is known then.
import { printable, shortened } from '../printable.js';
import { eventLine, fieldsOf } from './event-lines.js';

/** A record of the trace, as far as it is understood here. */
export interface Step {
  readonly time: string;
  readonly step: string;
  readonly messageId?: number;
  readonly topic?: string;
  readonly publisher?: string;
  readonly clientId?: string;
  readonly sharedGroup?: string;
  readonly packet?: string;
  readonly qos?: number;
  readonly reason?: string;
  readonly detail?: string;
  readonly matched?: number;
}

const FIRST = new Set(['time', 'step', 'messageId']);
/** Messages that are not at their end; the oldest is shown as it is when there are more. */
const OPEN_MAX = 1000;

export function stepLine(step: Step): string {
  if (step.step === 'event') return eventLine({ ...step, step: undefined });
  const { time, step: name, messageId } = step;
  const message = messageId === undefined ? '' : `#${messageId}`;
  return [time, name.padEnd(12), message.padEnd(6), ...fieldsOf(step, FIRST)].join(' ').trimEnd();
}

interface Followed {
  readonly topic: string;
  readonly publisher: string;
  isRouted: boolean;
  /** What has become of each delivery, by its client or shared group. */
  readonly deliveries: Map<string, { text: string; isOver: boolean }>;
}

export class MessageOutcomes {
  readonly #open = new Map<number, Followed>();

  /** @returns the outcome of a message that is at its end with this step, and of one that is not followed further. */
  take(step: Step): string[] {
    const { messageId, topic = '', publisher = 'the broker' } = step;
    if (messageId === undefined) return notPublished(step);
    let followed = this.#open.get(messageId);
    if (followed === undefined) {
      // A message that came before the trace began is routed already.
      if (step.step !== 'accepted' && step.step !== 'queued' && step.step !== 'sent') return [];
      followed = { topic, publisher, isRouted: step.step !== 'accepted', deliveries: new Map() };
      this.#open.set(messageId, followed);
    }
    note(followed, step);
    const isOver = followed.isRouted && [...followed.deliveries.values()].every((delivery) => delivery.isOver);
    if (isOver) return this.#end(messageId, followed);
    const [oldest] = this.#open;
    return this.#open.size > OPEN_MAX && oldest !== undefined ? this.#end(...oldest) : [];
  }

  /** Of the messages that are not at their end. */
  rest(): string[] {
    return [...this.#open].flatMap(([id, followed]) => this.#end(id, followed));
  }

  #end(id: number, { topic, publisher, deliveries }: Followed): string[] {
    this.#open.delete(id);
    const ends = [...deliveries].map(([to, { text }]) => `${text}${to === '' ? '' : ` ${shortened(to)}`}`);
    return [
      `= #${id} ${printable(topic)} from ${shortened(publisher)}: ${ends.join('; ') || 'no subscription matches'}`,
    ];
  }
}

/** What has no number: the message was refused, or is not published again. */
function notPublished({ step, topic = '', clientId = '', reason, detail }: Step): string[] {
  if (step !== 'refused' && step !== 'repeated') return [];
  const why = [reason, detail].filter((one) => one !== undefined).join(': ');
  const what = step === 'repeated' ? 'came again, and is acknowledged alone' : `refused (${why})`;
  return [`= ${printable(topic)} from ${shortened(clientId)}: ${what}`];
}

function note(followed: Followed, { step, clientId, sharedGroup, packet, qos, reason, detail }: Step): void {
  const to = clientId ?? sharedGroup ?? '';
  // What a shared group has goes on as the delivery of a member.
  const set = (text: string, isOver: boolean): void => {
    followed.deliveries.set(to, { text, isOver: isOver || sharedGroup !== undefined });
  };
  switch (step) {
    case 'routed':
      followed.isRouted = true;
      return;
    case 'matched':
      set('on its way to', false);
      return;
    case 'queued':
      set('waits for', false);
      return;
    case 'sent':
      set(qos === 0 ? 'sent at QoS 0 to' : 'sent, not acknowledged by', qos === 0);
      return;
    case 'acknowledged':
      set(packet === 'PUBREC' ? 'received, not completed by' : 'acknowledged by', packet !== 'PUBREC');
      return;
    case 'dropped':
      set(
        `dropped (${[reason, detail].filter((one) => one !== undefined).join(': ')})${to === '' ? '' : ' for'}`,
        true,
      );
  }
}
