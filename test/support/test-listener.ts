// A listener with no broker behind it: records the connections it accepts, what they receive, and the events it emits.
import type {
  Channel,
  ChannelHandler,
  ConnectionHandler,
  IncomingConnection,
  LifecycleEvent,
  Listener,
  PeerInfo,
} from 'hexmq/ports';

const TIMEOUT_MS = 10_000;

export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not hold within 10 seconds');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Accepts every connection. */
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
  /** The clients that were named with `setClientAddress`. */
  readonly clients: PeerInfo[];
  /** `pending`, `rejected`, `accepted` or `aborted`; a second, wrong ending follows after a comma. */
  outcome: string;
}

export class TestListener {
  readonly connections: ObservedConnection[] = [];
  /** Decides which peers and clients are allowed. */
  allows: (peer: PeerInfo) => boolean = () => true;
  readonly accepted: { channel: Channel; received: Buffer; isClosed: boolean }[] = [];
  readonly events: LifecycleEvent[] = [];
  listener!: Listener;
  address = '';
  #taken = 0;

  static async on(create: (components: { emit: (event: LifecycleEvent) => void }) => Listener): Promise<TestListener> {
    const test = new TestListener();
    test.listener = create({ emit: (event) => test.events.push(event) });
    test.address = await test.listener.listen((peer) => test.#observe(peer));
    return test;
  }

  #observe(peer: PeerInfo): IncomingConnection | undefined {
    const observed: ObservedConnection = { peer, clients: [], outcome: 'pending' };
    this.connections.push(observed);
    if (!this.allows(peer)) {
      observed.outcome = 'rejected';
      return undefined;
    }
    const end = (outcome: string): void => {
      observed.outcome = observed.outcome === 'pending' ? outcome : `${observed.outcome}, ${outcome}`;
    };
    return {
      setClientAddress: (client) => {
        observed.clients.push(client);
        return this.allows(client);
      },
      abort: () => {
        end('aborted');
      },
      accept: (channel) => {
        end('accepted');
        const accepted = { channel, received: Buffer.alloc(0), isClosed: false };
        this.accepted.push(accepted);
        return {
          data: (chunk) => {
            accepted.received = Buffer.concat([accepted.received, chunk]);
          },
          drained: () => undefined,
          closed: () => {
            accepted.isClosed = true;
          },
        };
      },
    };
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(':') + 1));
  }

  /** The next accepted connection, after those that earlier calls returned. */
  async next(): Promise<AcceptedConnection> {
    const index = this.#taken++;
    await until(() => this.accepted.length > index);
    return this.accepted[index] as AcceptedConnection;
  }

  /** Waits for the nth event of the kind, counted from 1. */
  async event(kind: LifecycleEvent['kind'], nth = 1): Promise<LifecycleEvent> {
    const ofKind = (): LifecycleEvent[] => this.events.filter((event) => event.kind === kind);
    await until(() => ofKind().length >= nth);
    return ofKind()[nth - 1] as LifecycleEvent;
  }

  /** @throws Error if a connection did not end in exactly one way. */
  async close(): Promise<void> {
    await this.listener.close();
    const wrong = this.connections.filter(({ outcome }) => !['rejected', 'accepted', 'aborted'].includes(outcome));
    if (wrong.length > 0)
      throw new Error(`connections without exactly one outcome: ${wrong.map(({ outcome }) => outcome).join('; ')}`);
    for (const { channel } of this.accepted) channel.close(0);
  }
}
