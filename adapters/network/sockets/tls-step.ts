// The TLS step of a connection: the handshake, the check of a client certificate, and reloading of the files. A client
// certificate that does not verify is refused even where certificates are optional: a client that presents one claims
// an identity.
import { createServer } from 'node:tls';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import type { PeerInfo, Reloadable } from 'hexmq/ports';
import { describeCertificate } from './certificate.js';
import { FileWatcher } from './file-watcher.js';
import type { Handshake, SocketComponents } from './pending-handshakes.js';
import { explainTlsError, explainVerification } from './tls-reasons.js';
import { TlsFiles } from './tls-files.js';
import type { TlsOptions } from './tls-files.js';

/** The directory of the files may change all the time; the same failure is not reported again before this. */
const SAME_FAILURE_MS = 60_000;

export type SecureSocketHandler = (socket: TLSSocket, handshake: Handshake) => void;

export class TlsStep implements Reloadable {
  readonly #files: TlsFiles;
  readonly #isCertificateAsked: boolean;
  readonly #isCertificateRequired: boolean;
  readonly #watch: FileWatcher;
  readonly #server: Server;
  #reported: { readonly error: string; readonly atMs: number } | undefined;
  /** By the connection's addresses and ports, the only thing a TLS socket has in common with the socket below it. */
  readonly #handshakes = new Map<string, Handshake>();

  /** @throws Error naming the option or the file that is wrong. */
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
      // `#problemWith` checks instead, and can report why.
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (socket) => {
      this.#secured(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      this.#takeHandshake(socket)?.fail(explainTlsError(error));
    });
    this.#watch = new FileWatcher(
      this.#files.paths,
      () => {
        this.#reloadChangedFiles();
      },
      (error) => {
        this.#reportReloadFailure(`the TLS files cannot be watched, so changes will go unnoticed: ${error.message}`);
      },
    );
  }

  /** Begins to watch the files. */
  start(): void {
    this.#watch.start();
    // They may have changed since the constructor read them.
    this.#reloadChangedFiles();
  }

  stopWatching(): void {
    this.#watch.stop();
  }

  beginHandshake(handshake: Handshake): void {
    const { socket } = handshake;
    handshake.beginTls();
    const key = connectionKey(socket);
    this.#handshakes.set(key, handshake);
    socket.on('close', () => this.#handshakes.delete(key));
    // The TLS socket above reports its errors.
    socket.on('error', ignore);
    // A peer that half-closes during the handshake waits for nothing more. The TLS socket inherits this setting.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  warnings(): readonly string[] {
    return this.#files.warnings();
  }

  // Synchronous, so that the new files are in use when the promise resolves.
  // eslint-disable-next-line @typescript-eslint/require-await
  async reload(): Promise<void> {
    this.#reload();
  }

  /** @returns whether the files had changed. Open connections keep their keys. */
  #reload(): boolean {
    const context: SecureContextOptions | undefined = this.#files.read();
    this.#reported = undefined;
    if (context !== undefined) this.#server.setSecureContext(context);
    return context !== undefined;
  }

  #reloadChangedFiles(): void {
    try {
      if (this.#reload()) this.components.emit?.({ kind: 'listener-reloaded', listener: this.listener });
    } catch (error) {
      this.#reportReloadFailure((error as Error).message);
    }
  }

  #reportReloadFailure(error: string): void {
    const atMs = performance.now();
    if (this.#reported?.error === error && atMs - this.#reported.atMs < SAME_FAILURE_MS) return;
    this.#reported = { error, atMs };
    this.components.emit?.({ kind: 'listener-reload-failed', listener: this.listener, error });
  }

  #takeHandshake(socket: TLSSocket): Handshake | undefined {
    const key = connectionKey(socket);
    const handshake = this.#handshakes.get(key);
    this.#handshakes.delete(key);
    return handshake;
  }

  #secured(socket: TLSSocket): void {
    const handshake = this.#takeHandshake(socket);
    // Timed out or closed at the very moment it completed.
    if (handshake === undefined || handshake.isSettled) {
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
    if (!hasCertificate) return this.#isCertificateRequired ? 'the client sent no certificate' : undefined;
    return socket.authorized ? undefined : `the client certificate is not accepted: ${explainVerification(socket)}`;
  }
}

const ignore = (): void => undefined;

const connectionKey = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  [remoteAddress, remotePort, localAddress, localPort].join(' ');
