// TLS on sockets that were accepted: the handshake, whose certificate is taken, and the files behind it. A certificate of a client is either verified
// or refused, also where it need not have brought one: whoever shows one wants to be taken for its owner.
import { createServer } from 'node:tls';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import type { PeerInfo, Reloadable } from 'hexmq/ports';
import { describeCertificate } from './certificate.js';
import { FileWatcher } from './file-watcher.js';
import type { Handshake, SocketComponents } from './pending-handshakes.js';
import { TlsFiles } from './tls-files.js';
import type { TlsOptions } from './tls-files.js';

export type SecureSocketHandler = (socket: TLSSocket, handshake: Handshake) => void;

export class TlsStep implements Reloadable {
  readonly #files: TlsFiles;
  readonly #isCertificateAsked: boolean;
  readonly #isCertificateRequired: boolean;
  readonly #watch: FileWatcher;
  readonly #server: Server;
  /** By the ends of the connection: all that a server's socket has in common with the one below it. */
  readonly #handshakes = new Map<string, Handshake>();

  /** @throws Error when the files are not what TLS needs. */
  constructor(
    readonly listener: string,
    options: TlsOptions,
    socketOptions: { readonly highWaterMark: number },
    readonly components: SocketComponents,
    readonly onSecure: SecureSocketHandler,
  ) {
    this.#files = new TlsFiles(options);
    const { clientCertificate = 'none' } = options;
    this.#isCertificateAsked = clientCertificate !== 'none';
    this.#isCertificateRequired = clientCertificate === 'required';
    this.#server = createServer({
      ...socketOptions,
      ...this.#files.read(),
      requestCert: this.#isCertificateAsked,
      // We look ourselves, and can say why.
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (socket) => {
      this.#done(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      this.#handshakeOf(socket)?.fail(explainTlsError(error));
    });
    this.#watch = new FileWatcher(
      this.#files.paths,
      () => {
        this.#filesHaveChanged();
      },
      (error) => {
        this.#problem(`the files of TLS cannot be watched, changes are not seen: ${error.message}`);
      },
    );
  }

  /** Looks after the files from now on. */
  start(): void {
    this.#watch.start();
    // They may have changed since they were read.
    this.#filesHaveChanged();
  }

  stopWatching(): void {
    this.#watch.stop();
  }

  beginHandshake(handshake: Handshake): void {
    const { socket } = handshake;
    handshake.step = 'tls';
    const ends = endsOf(socket);
    this.#handshakes.set(ends, handshake);
    socket.on('close', () => this.#handshakes.delete(ends));
    // What befalls it the socket above it tells.
    socket.on('error', ignore);
    // Whoever ends in the middle of a handshake does not wait for anything: the socket above takes this over.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  // Not later than now: who asked can go on when it is done.
  // eslint-disable-next-line @typescript-eslint/require-await
  async reload(): Promise<void> {
    this.#reload();
  }

  /** Whether there was anything new. Connections that are open keep their keys. */
  #reload(): boolean {
    const context: SecureContextOptions | undefined = this.#files.read();
    if (context !== undefined) this.#server.setSecureContext(context);
    return context !== undefined;
  }

  #filesHaveChanged(): void {
    try {
      if (this.#reload()) this.components.emit?.({ kind: 'listener-reloaded', listener: this.listener });
    } catch (error) {
      this.#problem((error as Error).message);
    }
  }

  #problem(error: string): void {
    this.components.emit?.({ kind: 'listener-reload-failed', listener: this.listener, error });
  }

  #handshakeOf(socket: TLSSocket): Handshake | undefined {
    const ends = endsOf(socket);
    const handshake = this.#handshakes.get(ends);
    this.#handshakes.delete(ends);
    return handshake;
  }

  #done(socket: TLSSocket): void {
    const handshake = this.#handshakeOf(socket);
    // Given up, or gone, in the moment in which it was done.
    if (handshake === undefined || handshake.isOver) {
      socket.on('error', ignore);
      socket.destroy();
      return;
    }
    const certificate = this.#isCertificateAsked ? socket.getPeerX509Certificate() : undefined;
    const problem = this.#problemWith(socket, certificate !== undefined);
    if (problem !== undefined) {
      socket.on('error', ignore);
      handshake.fail(problem);
      return;
    }
    socket.allowHalfOpen = true;
    if (certificate !== undefined)
      handshake.peer = { ...handshake.peer, certificate: describeCertificate(certificate) } satisfies PeerInfo;
    this.onSecure(socket, handshake);
  }

  #problemWith(socket: TLSSocket, hasCertificate: boolean): string | undefined {
    if (!hasCertificate) return this.#isCertificateRequired ? 'the client has no certificate' : undefined;
    return socket.authorized
      ? undefined
      : `the certificate of the client is not accepted: ${String(socket.authorizationError)}`;
  }
}

const ignore = (): void => undefined;

const endsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  [remoteAddress, remotePort, localAddress, localPort].join(' ');

/** `error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../deps/…` is for those who wrote it. */
function explainTlsError(error: Error & { readonly reason?: string }): string {
  return error.reason ?? error.message;
}
