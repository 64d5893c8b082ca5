// Connections that have arrived and are not open yet: they still have to say for whom they speak, to agree on keys, or to become a WebSocket. It
// decides how long that may take and tells when it came to nothing. What has to be said is the business of each step.
import type { Socket } from 'node:net';
import type { Arrival, HandshakeFailure, LifecycleEvent, PeerInfo } from 'hexmq/ports';

export interface SocketComponents {
  readonly emit?: (event: LifecycleEvent) => void;
}

export class Handshakes {
  readonly #open = new Set<Handshake>();

  constructor(
    readonly listener: string,
    readonly timeoutMs: number,
    readonly components: SocketComponents,
  ) {}

  begin(socket: Socket, arrival: Arrival, peer: PeerInfo, step: Handshake['step']): Handshake {
    const handshake = new Handshake(this, socket, arrival, peer, step);
    this.#open.add(handshake);
    return handshake;
  }

  forget(handshake: Handshake): void {
    this.#open.delete(handshake);
  }

  failed({ peer }: Handshake, reason: HandshakeFailure, detail: string): void {
    this.components.emit?.({
      kind: 'handshake-failed',
      listener: this.listener,
      remoteAddress: peer.remoteAddress,
      reason,
      detail,
    });
  }

  /** Nobody waits any more for what they would become. */
  abandon(): void {
    for (const handshake of this.#open) handshake.abandon();
  }
}

/** From the opening of a connection until it is a channel. */
export class Handshake {
  #isOver = false;
  #isTold = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly handshakes: Handshakes,
    /** As it was accepted, below whatever is spoken on it. */
    readonly socket: Socket,
    readonly arrival: Arrival,
    /** Who it is as far as it is known. */
    public peer: PeerInfo,
    /** What it is in the middle of. */
    public step: Exclude<HandshakeFailure, 'timeout'>,
  ) {
    this.#timer = setTimeout(() => {
      this.#fail('timeout', `${this.step} is not done after ${handshakes.timeoutMs} ms`);
    }, handshakes.timeoutMs);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @returns false: that client may not come in, and nothing is left of the connection. */
  speaksFor(client: PeerInfo): boolean {
    this.peer = client;
    if (this.arrival.speaksFor(client)) return true;
    // The shell has told who was refused.
    this.abandon();
    return false;
  }

  /** It has come to something: whoever has the socket now looks after it, and after the arrival. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.socket.off('error', this.#onError);
    this.socket.off('close', this.#onClose);
    this.handshakes.forget(this);
  }

  /** It has come to nothing. The first reason is told, whatever follows from it. */
  fail(detail: string): void {
    this.#fail(this.step, detail);
  }

  /** It has come to nothing, and the peer is being told: it ends when the peer has gone, or when the time is over. */
  failGently(detail: string): void {
    this.#tell(this.step, detail);
  }

  /** Without a word. */
  abandon(): void {
    if (this.#isOver) return;
    this.end();
    this.arrival.failed();
    // What was ended may still fail before it is gone.
    this.socket.on('error', () => undefined);
    this.socket.destroy();
  }

  #fail(reason: HandshakeFailure, detail: string): void {
    if (this.#isOver) return;
    this.abandon();
    this.#tell(reason, detail);
  }

  #tell(reason: HandshakeFailure, detail: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.handshakes.failed(this, reason, detail);
  }

  readonly #onError = (error: Error): void => {
    this.fail(error.message);
  };

  readonly #onClose = (): void => {
    this.fail('the peer has gone');
  };
}
