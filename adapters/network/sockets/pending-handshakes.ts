// Connections that have arrived and are not open yet: they still have to say for whom they speak, to agree on keys, or to become a WebSocket. It
// decides how long that may take and tells when it came to nothing. What has to be said is the business of each step.
import type { Socket } from 'node:net';
import type { IncomingConnection, HandshakeFailure, LifecycleEvent, PeerInfo } from 'hexmq/ports';

export interface SocketComponents {
  readonly emit?: (event: LifecycleEvent) => void;
}

export class PendingHandshakes {
  readonly #open = new Set<Handshake>();

  constructor(
    readonly listener: string,
    /** Called for each handshake, so that a reload takes effect. */
    readonly timeoutMs: () => number,
    readonly components: SocketComponents,
  ) {}

  start(socket: Socket, arrival: IncomingConnection, peer: PeerInfo, step: Handshake['step']): Handshake {
    const handshake = new Handshake(this, socket, arrival, peer, step);
    this.#open.add(handshake);
    return handshake;
  }

  remove(handshake: Handshake): void {
    this.#open.delete(handshake);
  }

  reportFailure({ peer }: Handshake, reason: HandshakeFailure, detail: string): void {
    this.components.emit?.({
      kind: 'handshake-failed',
      listener: this.listener,
      remoteAddress: peer.remoteAddress,
      reason,
      detail,
    });
  }

  /** Nobody waits any more for what they would become. */
  abortAll(): void {
    for (const handshake of this.#open) handshake.abort();
  }
}

/** From the opening of a connection until it is a channel. */
export class Handshake {
  #isOver = false;
  #isTold = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly pending: PendingHandshakes,
    /** As it was accepted, below whatever is spoken on it. */
    readonly socket: Socket,
    readonly connection: IncomingConnection,
    /** Who it is as far as it is known. */
    public peer: PeerInfo,
    /** What it is in the middle of. */
    public step: Exclude<HandshakeFailure, 'timeout'>,
  ) {
    const timeoutMs = pending.timeoutMs();
    this.#timer = setTimeout(() => {
      this.#fail('timeout', `${this.step} is not done after ${timeoutMs} ms`);
    }, timeoutMs);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** @returns false: that client may not come in, and nothing is left of the connection. */
  setClientAddress(client: PeerInfo): boolean {
    this.peer = client;
    if (this.connection.setClientAddress(client)) return true;
    // The shell has told who was refused.
    this.abort();
    return false;
  }

  /** It has come to something: whoever has the socket now looks after it, and after the arrival. */
  complete(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.socket.off('error', this.#onError);
    this.socket.off('close', this.#onClose);
    this.pending.remove(this);
  }

  /** It has come to nothing. The first reason is told, whatever follows from it. */
  fail(detail: string): void {
    this.#fail(this.step, detail);
  }

  /** It has come to nothing, and the peer is being told: it ends when the peer has gone, or when the time is over. */
  failAfterReply(detail: string): void {
    this.#tell(this.step, detail);
  }

  /** Without a word. */
  abort(): void {
    if (this.#isOver) return;
    this.complete();
    this.connection.abort();
    // What was ended may still fail before it is gone.
    this.socket.on('error', () => undefined);
    this.socket.destroy();
  }

  #fail(reason: HandshakeFailure, detail: string): void {
    if (this.#isOver) return;
    this.abort();
    this.#tell(reason, detail);
  }

  #tell(reason: HandshakeFailure, detail: string): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.pending.reportFailure(this, reason, detail);
  }

  readonly #onError = (error: Error): void => {
    this.fail(error.message);
  };

  readonly #onClose = (): void => {
    this.fail('the peer has gone');
  };
}
