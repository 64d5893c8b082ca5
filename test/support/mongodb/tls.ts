// TLS before a server that does not speak it, with a certificate made for the occasion.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';

export interface Certificate {
  /** Which is its own authority. */
  readonly certificatePath: string;
  readonly keyPath: string;
}

/** For 127.0.0.1. */
export function makeCertificate(directory: string, name: string): Certificate {
  const certificatePath = join(directory, `${name}.crt`);
  const keyPath = join(directory, `${name}.key`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      ...key,
      '-out',
      certificatePath,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ],
    {
      stdio: 'ignore',
    },
  );
  return { certificatePath, keyPath };
}

export interface TlsTerminator {
  readonly port: number;
  readonly close: () => void;
}

export async function terminateTls(
  { certificatePath, keyPath }: Certificate,
  target: { readonly host: string; readonly port: number },
): Promise<TlsTerminator> {
  const sockets = new Set<Socket>();
  const server = createServer({ cert: readFileSync(certificatePath), key: readFileSync(keyPath) }, (client) => {
    const upstream = connect(target);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
      one.pipe(other);
    }
  });
  // A client that does not trust the certificate ends the connection in the middle of the handshake.
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
