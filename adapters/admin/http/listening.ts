// Listening on an address or on a path, with the errors of the operating system as advice, and a socket that a killed
// process has left behind out of the way.
import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { formatAddress, NetworkError, UNIX_PATH_BYTES_MAX } from 'hexmq/ports';
import { isStaleSocket } from '../../network/sockets/stale-socket.js';

/** @returns the address for humans. @throws NetworkError that says what to do. */
export async function listenOnPort(server: Server, host: string, port: number): Promise<string> {
  try {
    await listening(server, { host, port });
  } catch (error) {
    throw new NetworkError(explain(error as NodeJS.ErrnoException, formatAddress(host, port)), { cause: error });
  }
  const { address, port: actual } = server.address() as AddressInfo;
  return formatAddress(address, actual);
}

/** For the owner alone. @returns the path. @throws NetworkError that says what to do. */
export async function listenOnPath(server: Server, path: string): Promise<string> {
  const bytes = Buffer.byteLength(path);
  if (bytes > UNIX_PATH_BYTES_MAX)
    throw new NetworkError(
      `the path of the administration's socket has ${bytes} bytes, and a Unix socket takes ${UNIX_PATH_BYTES_MAX}: ` +
        `${path}; ` +
        'set admin.socket to a shorter path, or to off',
    );
  try {
    await listenPrivately(server, path).catch(async (error: unknown) => {
      if (!(await isStaleSocket(error as NodeJS.ErrnoException, path))) throw error;
      unlinkSync(path);
      await listenPrivately(server, path);
    });
  } catch (error) {
    throw new NetworkError(explainPath(error as NodeJS.ErrnoException, path), { cause: error });
  }
  return path;
}

/** The socket must not be open to others for a moment: the mask holds while it is made, which is done at once. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o177);
  let listens: Promise<void>;
  try {
    listens = listening(server, { path });
  } finally {
    process.umask(mask);
  }
  await listens;
  chmodSync(path, 0o600);
}

function listening(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      // Connections that could not be accepted, for lack of descriptors: others can be.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function explain({ code, message }: NodeJS.ErrnoException, where: string): string {
  const what = `the administration cannot listen on ${where}`;
  switch (code ?? '') {
    case 'EADDRINUSE':
      return `${what}: the port is in use; choose another (admin.port) or stop the other process`;
    case 'EACCES':
      return `${what}: not permitted; choose a port from 1024 up (admin.port)`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${what}: this machine has no such address; use one of its addresses (admin.host)`;
    default:
      return `${what}: ${message}`;
  }
}

function explainPath({ code, message }: NodeJS.ErrnoException, path: string): string {
  const what = `the administration cannot listen on ${path}`;
  switch (code ?? '') {
    case 'EADDRINUSE':
      return `${what}: another process listens there, or it is no socket; choose another path (admin.socket), or off`;
    case 'EACCES':
      if (!existsSync(dirname(path))) return `${what}: the directory does not exist; create it first`;
      return `${what}: not permitted; choose a directory that the user who runs hexmq can write to (admin.socket)`;
    default:
      return `${what}: ${message}; choose another path (admin.socket), or off`;
  }
}
