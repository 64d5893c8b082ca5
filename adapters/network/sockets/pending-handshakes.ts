// Connections between their arrival and the first byte of MQTT: waiting for a PROXY header, a TLS handshake or a
// WebSocket upgrade. This file enforces the time limit and reports failures; each step knows its own protocol.
import type { Socket } from 'node:net';
import type { HandshakeFailure, IncomingConnection, LifecycleEvent, PeerInfo } from 'hexmq/ports';

export interface SocketComponents {
  readonly emit?: (event: LifecycleEvent) => void;
}

export class PendingHandshakes {
  readonly #pending = new Set<Handshake>();

  constructor(
    readonly listener: string,
    /** Called for each handshake, so that a reload takes effect. */
    readonly timeoutMs: () => number,
    readonly components: SocketComponents,
  ) {}

  start(socket: Socket, connection: IncomingConnection, peer: PeerInfo, step: Handshake['step']): Handshake {
    const handshake = new Handshake(this, socket, connection, peer, step);
    this.#pending.add(handshake);
    return handshake;
  }

  remove(handshake: Handshake): void {
    this.#pending.delete(handshake);
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

  /** The listener closes: no event is emitted for these. */
  abortAll(): void {
    for (const handshake of this.#pending) handshake.abort();
  }
}

/** One connection until it becomes a channel. */
export class Handshake {
  #isSettled = false;
  #isReported = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly pending: PendingHandshakes,
    /** The accepted socket, below TLS and WebSocket. */
    readonly socket: Socket,
    readonly connection: IncomingConnection,
    /** The peer as far as it is known. */
    public peer: PeerInfo,
    /** The step that is in progress; failures are attributed to it. */
    public step: Exclude<HandshakeFailure, 'timeout'>,
  ) {
    const timeoutMs = pending.timeoutMs();
    this.#timer = setTimeout(() => {
      this.#fail('timeout', `${this.step} not completed within ${timeoutMs} ms`);
    }, timeoutMs);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** @returns false when a limit refuses the client; the connection has then been closed. */
  setClientAddress(client: PeerInfo): boolean {
    this.peer = client;
    if (this.connection.setClientAddress(client)) return true;
    // The broker has already reported the refusal.
    this.abort();
    return false;
  }

  /** Success: the caller takes over the socket and the incoming connection. */
  complete(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.socket.off('error', this.#onError);
    this.socket.off('close', this.#onClose);
    this.pending.remove(this);
  }

  /** Failure: closes the connection. Only the first failure is reported; later ones are its consequences. */
  fail(detail: string): void {
    this.#fail(this.step, detail);
  }

  /** Failure that is being reported to the peer: the connection ends when the peer closes it, or at the time limit. */
  failAfterReply(detail: string): void {
    this.#report(this.step, detail);
  }

  /** Closes the connection without an event. */
  abort(): void {
    if (this.#isSettled) return;
    this.complete();
    this.connection.abort();
    // The socket may still fail before it is gone.
    this.socket.on('error', () => undefined);
    this.socket.destroy();
  }

  #fail(reason: HandshakeFailure, detail: string): void {
    if (this.#isSettled) return;
    this.abort();
    this.#report(reason, detail);
  }

  #report(reason: HandshakeFailure, detail: string): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.pending.reportFailure(this, reason, detail);
  }

  readonly #onError = (error: Error): void => {
    this.fail(error.message);
  };

  readonly #onClose = (): void => {
    this.fail('the peer closed the connection');
  };
}
