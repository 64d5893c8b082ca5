// The bridge: for each direction, a source on one broker and a target on the other.
import type { PluginLogger, Scheduler, Startable } from 'hexmq/ports';
import type { IPublishPacket } from 'mqtt';
import { forwarded } from './message.js';
import type { BridgeOptions, Route, SideOptions } from './options.js';
import { Source } from './source.js';
import { Target } from './target.js';

const REPORT_MS = 60_000;

type Direction = 'in' | 'out';

interface Counts {
  delivered: number;
  /** Messages that the other broker does not accept. */
  refused: number;
  /** Messages of QoS 0 that came while the other broker was away. */
  dropped: number;
  /** Messages that have crossed this bridge before. */
  returned: number;
}

export class Bridge implements Startable {
  readonly #options: BridgeOptions;
  readonly #name: string;
  readonly #log: PluginLogger;
  readonly #scheduler: Scheduler;
  #open: { close(): void }[] = [];

  constructor(options: BridgeOptions, name: string, log: PluginLogger, scheduler: Scheduler) {
    this.#options = options;
    this.#name = name;
    this.#log = log;
    this.#scheduler = scheduler;
  }

  /** Waits for no broker: this one takes connections only after its plugins have started. */
  start(): Promise<void> {
    const { local, remote, in: incoming, out: outgoing } = this.#options;
    if (outgoing !== undefined) this.#connect('out', outgoing, local, remote);
    if (incoming !== undefined) this.#connect('in', incoming, remote, local);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    for (const connection of this.#open) connection.close();
    this.#open = [];
    return Promise.resolve();
  }

  #connect(direction: Direction, route: Route, from: SideOptions, to: SideOptions): void {
    const counts: Counts = { delivered: 0, refused: 0, dropped: 0, returned: 0 };
    const target = new Target(to, this.#purpose(`${direction}-target`));
    const source = new Source(from, this.#purpose(`${direction}-source`), route.topicFilters, (packet) =>
      this.#forward(packet, route, target, counts),
    );
    this.#open.push(source, target);
    let reported = '';
    this.#scheduler.every(REPORT_MS, () => {
      const now = JSON.stringify(counts);
      if (now !== reported) this.#log.info('traffic', { direction, ...counts });
      reported = now;
    });
  }

  #purpose(end: string) {
    const { clientId, reconnectMaxMs } = this.#options;
    return { name: end, clientId: `${clientId}-${end}`, reconnectMaxMs, log: this.#log };
  }

  async #forward(packet: IPublishPacket, { prefix }: Route, target: Target, counts: Counts): Promise<void> {
    const message = forwarded(packet, prefix, `${this.#name}/${this.#options.clientId}`);
    if (message === undefined) {
      counts.returned++;
      return;
    }
    const delivery = await target.deliver(message);
    if (typeof delivery === 'string') counts[delivery]++;
    else {
      counts.refused++;
      this.#log.warn('a message was refused, and is lost', { topic: message.topic, why: delivery.refused });
    }
  }
}
