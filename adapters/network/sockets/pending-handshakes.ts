// Connections between their arrival and the first byte of MQTT: waiting for a PROXY header, a TLS handshake or a
// WebSocket upgrade. This file enforces the time limit, says what a handshake holds, and reports failures; each step
// knows its own protocol.
import type { Socket } from 'node:net';
import type { HandshakeFailure, IncomingConnection, LifecycleEvent, PeerInfo } from 'hexmq/ports';

export interface SocketComponents {
  readonly emit?: (event: LifecycleEvent) => void;
}

/** Bounds what the handshakes of all listeners hold together. */
export interface HandshakeMemory {
  add(handshake: Pick<Handshake, 'heldBytes' | 'evict'>): void;
  remove(handshake: Pick<Handshake, 'heldBytes' | 'evict'>): void;
}

/** Measured, in bytes: a socket from which nothing has come, with its timer. */
const SILENT_BYTES = 20 * 1024;
/** What the parsers of a PROXY header or an HTTP request keep, and the chunk that they look at. */
const TEXT_BYTES = 48 * 1024;
/** OpenSSL's buffers and keys, once a client has begun. */
const TLS_BYTES = 64 * 1024;
/** OpenSSL makes room for a message of the size that is announced: 131,396 bytes at most. */
const TLS_MESSAGE_BYTES = 128 * 1024;

export class PendingHandshakes {
  readonly #pending = new Set<Handshake>();

  constructor(
    readonly listener: string,
    /** Called for each handshake, so that a reload takes effect. */
    readonly timeoutMs: () => number,
    readonly components: SocketComponents,
    readonly memory: HandshakeMemory | undefined,
  ) {}

  start(socket: Socket, connection: IncomingConnection, peer: PeerInfo, step: Handshake['step']): Handshake {
    const handshake = new Handshake(this, socket, connection, peer, step);
    this.#pending.add(handshake);
    this.memory?.add(handshake);
    return handshake;
  }

  remove(handshake: Handshake): void {
    this.#pending.delete(handshake);
    this.memory?.remove(handshake);
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
  #usesTls = false;
  /** What had come of the client when the first answer of TLS was seen. */
  #readWhenAnswered: number | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly pending: PendingHandshakes,
    /** The accepted socket, below TLS and WebSocket. */
    readonly socket: Socket,
    readonly connection: IncomingConnection,
    /** The peer as far as it is known. */
    public peer: PeerInfo,
    /** The step that is in progress; failures are attributed to it. */
    public step: Exclude<HandshakeFailure, 'timeout' | 'incomplete-handshakes'>,
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

  beginTls(): void {
    this.step = 'tls';
    this.#usesTls = true;
  }

  /** At most: what is inside of TLS cannot be seen, only whether it has answered. */
  heldBytes(): number {
    const { bytesRead, bytesWritten } = this.socket;
    if (bytesRead === 0) return SILENT_BYTES;
    if (!this.#usesTls) return TEXT_BYTES;
    const received = Math.min(bytesRead, TLS_MESSAGE_BYTES);
    if (bytesWritten === 0) return TLS_BYTES + TLS_MESSAGE_BYTES + received;
    this.#readWhenAnswered ??= bytesRead;
    // What comes after the answer may be the beginning of a certificate.
    const hasNext = this.step === 'tls' && bytesRead > this.#readWhenAnswered;
    return TLS_BYTES + received + (hasNext ? TLS_MESSAGE_BYTES : 0);
  }

  /** All handshakes together hold more than they may. */
  evict(maxBytes: number): void {
    this.#fail('incomplete-handshakes', `${this.step} not completed while all handshakes held ${maxBytes} bytes`);
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
