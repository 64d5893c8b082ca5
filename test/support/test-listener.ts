// A listener with nothing behind it: what it accepts, what it is told, and what it tells are written down.
import type {
  IncomingConnection,
  ConnectionHandler,
  Channel,
  ChannelHandler,
  LifecycleEvent,
  Listener,
  PeerInfo,
} from 'hexmq/ports';

const PATIENCE_MS = 10_000;

export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited 10 seconds in vain');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Whoever comes may come in. */
export const acceptAll =
  (accept: (channel: Channel) => ChannelHandler): ConnectionHandler =>
  () => ({ setClientAddress: () => true, accept, abort: () => undefined });

export interface AcceptedConnection {
  readonly channel: Channel;
  readonly received: Buffer;
  readonly isClosed: boolean;
}

export interface ObservedConnection {
  readonly peer: PeerInfo;
  /** For whom it said that it speaks. */
  readonly clients: PeerInfo[];
  /** `waits`, `turned away`, `accepted`, `failed`; what came after the end is behind a comma. */
  outcome: string;
}

export class TestListener {
  readonly connections: ObservedConnection[] = [];
  /** Who may come in. */
  allows: (peer: PeerInfo) => boolean = () => true;
  readonly accepted: { channel: Channel; received: Buffer; isClosed: boolean }[] = [];
  readonly events: LifecycleEvent[] = [];
  listener!: Listener;
  address = '';

  static async on(make: (components: { emit: (event: LifecycleEvent) => void }) => Listener): Promise<TestListener> {
    const listening = new TestListener();
    listening.listener = make({ emit: (event) => listening.events.push(event) });
    listening.address = await listening.listener.listen((peer) => listening.#arrive(peer));
    return listening;
  }

  #arrive(peer: PeerInfo): IncomingConnection | undefined {
    const arrived: ObservedConnection = { peer, clients: [], outcome: 'waits' };
    this.connections.push(arrived);
    if (!this.allows(peer)) {
      arrived.outcome = 'turned away';
      return undefined;
    }
    const ends = (outcome: ObservedConnection['outcome']): void => {
      arrived.outcome = arrived.outcome === 'waits' ? outcome : `${arrived.outcome}, ${outcome}`;
    };
    return {
      setClientAddress: (client) => {
        arrived.clients.push(client);
        return this.allows(client);
      },
      abort: () => {
        ends('failed');
      },
      accept: (channel) => {
        ends('accepted');
        const one = { channel, received: Buffer.alloc(0), isClosed: false };
        this.accepted.push(one);
        return {
          data: (chunk) => {
            one.received = Buffer.concat([one.received, chunk]);
          },
          drained: () => undefined,
          closed: () => {
            one.isClosed = true;
          },
        };
      },
    };
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(':') + 1));
  }

  /** The next connection after those that have been asked for. */
  async next(): Promise<AcceptedConnection> {
    const index = this.#taken++;
    await until(() => this.accepted.length > index);
    return this.accepted[index] as AcceptedConnection;
  }

  async nextEvent(kind: LifecycleEvent['kind'], count = 1): Promise<LifecycleEvent> {
    const those = (): LifecycleEvent[] => this.events.filter((event) => event.kind === kind);
    await until(() => those().length >= count);
    return those()[count - 1] as LifecycleEvent;
  }

  async close(): Promise<void> {
    await this.listener.close();
    const wrong = this.connections.filter(({ outcome }) => !['turned away', 'accepted', 'failed'].includes(outcome));
    if (wrong.length > 0)
      throw new Error(`what has arrived did not end once: ${wrong.map(({ outcome }) => outcome).join('; ')}`);
    for (const { channel } of this.accepted) channel.close(0);
  }

  #taken = 0;
}
