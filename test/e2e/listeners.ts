// Starts the built command with a listener of every type, and the certificates for them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../clients/within.js';
import { CertificateAuthority } from './certificates.js';
import type { Issued } from './certificates.js';
import { startProgram, temporaryDirectory } from './hexmq-command.js';
import type { Program } from './program.js';
import { afterwards, scene } from './program.js';

export type Type = 'tcp' | 'tls' | 'ws' | 'wss' | 'unix';

export interface Listeners {
  readonly directory: string;
  readonly authority: CertificateAuthority;
  readonly server: Issued;
  /** A client certificate, `CN=meter-7`. */
  readonly meter: Issued;
  readonly program: Program;
  /** `127.0.0.1:49152`, or a path. */
  readonly addresses: Readonly<Record<Type, string>>;
}

/**
 * Starts a broker with one listener of each type. On `tls` and `wss`, client certificates are optional.
 * @param limits of the broker.
 */
export function withListeners(
  body: (listeners: Listeners) => Promise<void>,
  limits: Readonly<Record<string, number>> = {},
): Promise<void> {
  return scene(async () => {
    const directory = temporaryDirectory();
    const authority = new CertificateAuthority();
    afterwards(() => {
      authority.remove();
    });
    const server = authority.issue('server');
    const meter = authority.issue('meter-7', { subject: '/O=Plant/CN=meter-7' });
    const program = startProgram(
      ['--config', configuration(directory, authority, server, limits), '--storage', 'memory'],
      { cwd: directory },
    );
    afterwards(() => {
      program.kill('SIGKILL');
    });
    const [, line = ''] = await program.says(/\bhexmq \S+ ready: (.+), storage /m);
    const addresses = Object.fromEntries(line.split(', ').map((one) => one.split(' '))) as Record<Type, string>;
    await body({ directory, authority, server, meter, program, addresses });
    program.kill('SIGTERM');
    const { status, signal, stderr } = await within(program.end(), 'the broker to stop');
    if (status !== 0) throw new Error(`the broker ended with ${signal ?? status}`);
    if (/"level":"(error|fatal)"|^hexmq: /m.test(stderr)) throw new Error('the broker logged an error');
  });
}

function configuration(
  directory: string,
  authority: CertificateAuthority,
  { cert, key }: Issued,
  limits: object,
): string {
  const tls = { cert, key, ca: authority.cert, clientCertificate: 'optional' };
  const listeners = [
    { type: 'tcp', port: 0 },
    { type: 'tls', port: 0, tls },
    { type: 'ws', port: 0 },
    { type: 'wss', port: 0, tls },
    { type: 'unix', path: join(directory, 'mqtt.sock') },
  ];
  const path = join(directory, 'hexmq.json');
  writeFileSync(path, JSON.stringify({ listeners, limits, logging: { level: 'info' } }));
  return path;
}

export const portOf = (address: string): string => address.slice(address.lastIndexOf(':') + 1);
