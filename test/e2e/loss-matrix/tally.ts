// Which messages were acknowledged, and how often each subscriber received them.
export const QOS = [1, 2] as const;
export const READERS = ['away', 'online'] as const;

export type Reader = (typeof READERS)[number];
type ByQos = Record<1 | 2, number>;

export interface Counts {
  readonly acknowledged: Readonly<ByQos>;
  /** Acknowledged and never received. */
  readonly lost: Readonly<Record<Reader, ByQos>>;
  /** Came as a new message more than once: all but the first time. */
  readonly twice: Readonly<Record<Reader, ByQos>>;
}

interface Sent {
  readonly qos: 1 | 2;
  isAcknowledged: boolean;
  readonly received: Record<Reader, number>;
}

export class Tally {
  readonly #sent: Sent[] = [];
  #acknowledged = 0;
  readonly #watchers: (() => void)[] = [];
  #goals: { readonly count: number; readonly resolve: () => void }[] = [];

  /** A message about to be sent. @returns its payload, and what to call when it is acknowledged. */
  send(qos: 1 | 2): { readonly payload: Buffer; readonly acknowledged: () => void } {
    const sent: Sent = { qos, isAcknowledged: false, received: { away: 0, online: 0 } };
    const number = this.#sent.push(sent) - 1;
    return {
      payload: Buffer.from(String(number).padEnd(64, '.')),
      acknowledged: () => {
        sent.isAcknowledged = true;
        this.#acknowledged++;
        this.#wake();
      },
    };
  }

  receive(reader: Reader, payload: string | Buffer): void {
    const sent = this.#sent[Number.parseInt(payload.toString(), 10)];
    if (sent === undefined)
      throw new Error(
        `the subscriber that was ${reader} got a message that was never sent: "${payload.toString().slice(0, 60)}"`,
      );
    sent.received[reader]++;
    for (const resolve of this.#watchers.splice(0)) resolve();
  }

  /** Resolves when anyone gets another message. */
  nextReceived(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  /** Resolves when this many more messages have been acknowledged. */
  afterAcknowledgements(more: number): Promise<void> {
    return new Promise((resolve) => this.#goals.push({ count: this.#acknowledged + more, resolve }));
  }

  get counts(): Counts {
    const of = (count: (sent: Sent) => number): ByQos => ({ 1: this.#sum(1, count), 2: this.#sum(2, count) });
    const byReader = (count: (sent: Sent, received: number) => number): Record<Reader, ByQos> => ({
      away: of((sent) => count(sent, sent.received.away)),
      online: of((sent) => count(sent, sent.received.online)),
    });
    return {
      acknowledged: of(({ isAcknowledged }) => Number(isAcknowledged)),
      lost: byReader(({ isAcknowledged }, received) => Number(isAcknowledged && received === 0)),
      twice: byReader((_, received) => Math.max(0, received - 1)),
    };
  }

  #sum(qos: 1 | 2, count: (sent: Sent) => number): number {
    return this.#sent.reduce((sum, sent) => (sent.qos === qos ? sum + count(sent) : sum), 0);
  }

  #wake(): void {
    const goals = this.#goals;
    this.#goals = [];
    for (const goal of goals) {
      if (goal.count <= this.#acknowledged) goal.resolve();
      else this.#goals.push(goal);
    }
  }
}
