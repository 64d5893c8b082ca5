// One test of the contract: the adapter under test, the connections it has reported, and waiting with a limit.
import type { Channel } from '../../ports/index.js';
import { ContractViolation, ensure, report } from '../compare.js';
import { RecordingConnection } from './recording.js';
import type { AcceptedChannel, RecordingHandler } from './recording.js';
import type { NetworkFactory, NetworkPeer, NetworkUnderTest } from './subject.js';

/** One rule of the port: its name, and the test that holds an adapter to it. */
export type Law = readonly [name: string, test: (scenario: Scenario) => Promise<void>];

export interface Connection extends AcceptedChannel {
  readonly peer: NetworkPeer;
}

/** Long enough for anything in flight on this machine to arrive, before checking that something does not happen. */
const SETTLING_MS = 100;

export class Scenario {
  readonly connections: RecordingConnection[] = [];
  /** Connections that were answered with `undefined`. */
  rejected = 0;

  private constructor(
    readonly subject: NetworkUnderTest,
    readonly timeoutMs: number,
  ) {}

  static async create(factory: NetworkFactory, timeoutMs: number): Promise<Scenario> {
    return new Scenario(await factory.create(), timeoutMs);
  }

  get accepted(): readonly AcceptedChannel[] {
    return this.connections.flatMap(({ accepted }) => accepted);
  }

  get handlers(): readonly RecordingHandler[] {
    return this.accepted.map(({ handler }) => handler);
  }

  /** @param onAccept called with the channel before `accept` returns. */
  async listen(onAccept: (channel: Channel) => void = () => undefined): Promise<string> {
    return this.subject.listener.listen((peer) => {
      const connection = new RecordingConnection(peer, onAccept);
      this.connections.push(connection);
      return connection;
    });
  }

  async listenAndReject(): Promise<string> {
    return this.subject.listener.listen(() => {
      this.rejected++;
      return undefined;
    });
  }

  async connect(address: string): Promise<Connection> {
    const before = this.accepted.length;
    const peer = await this.subject.connect(address);
    await this.until('a connection was not accepted', () => this.accepted.length > before);
    const accepted = this.accepted[before] as AcceptedChannel;
    // Limits before admission are specific to the adapter.
    accepted.channel.admitted?.();
    return { peer, ...accepted };
  }

  async connected(): Promise<Connection> {
    return this.connect(await this.listen());
  }

  /** @throws ContractViolation with the problem if the condition does not hold in time. */
  async until(problem: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + this.timeoutMs;
    while (!condition()) {
      if (performance.now() > deadline) throw new ContractViolation(`${problem} (waited ${String(this.timeoutMs)} ms)`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async untilPeerClosed(peer: NetworkPeer): Promise<void> {
    let isClosed = false;
    void peer.closed.then(() => (isClosed = true));
    await this.until('the peer does not see the end of the connection', () => isClosed);
  }

  async untilClosed({ peer, handler }: Connection): Promise<void> {
    await this.untilPeerClosed(peer);
    await this.until('closed was not called', () => handler.closings.length > 0);
  }

  async untilAborted(peer: NetworkPeer, connection: RecordingConnection): Promise<void> {
    await this.untilPeerClosed(peer);
    await this.until('abort was not called', () => connection.aborts > 0);
  }

  /** A connection whose client never begins the handshake; `undefined` if the transport has none. */
  async withoutHandshake(
    address: string,
  ): Promise<{ readonly peer: NetworkPeer; readonly connection: RecordingConnection } | undefined> {
    if (this.subject.connectWithoutHandshake === undefined) return undefined;
    const before = this.connections.length;
    const peer = await this.subject.connectWithoutHandshake(address);
    await this.until('a connection was not reported before its handshake', () => this.connections.length > before);
    await settle();
    const connection = this.connections[before] as RecordingConnection;
    ensure(connection.outcomes === 0, 'a connection was accepted or aborted although its handshake had not begun');
    return { peer, connection };
  }

  /** Checks what has to hold for every connection in any law. The listener must be closed. */
  verify(): void {
    report(
      'a handler is called outside of calls to its channel, and never after closed',
      this.handlers.flatMap(({ violations }) => violations),
    );
    report(
      'every connection is accepted or aborted, exactly once',
      this.connections
        .filter(({ outcomes }) => outcomes !== 1)
        .map(
          ({ peer, aborts, accepted }) =>
            `${peer.remoteAddress} was accepted ${String(accepted.length)} times and aborted ${String(aborts)} times`,
        ),
    );
  }

  async dispose(): Promise<void> {
    await this.subject.listener.close();
    for (const { channel } of this.accepted) channel.close(0);
    await this.subject.dispose();
  }
}

export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
}
