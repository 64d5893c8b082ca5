// Whether a listener could listen on its address, found out without listening: a broker that runs has the port already,
// and no client is to meet a listener that serves none.
import { createSocket } from 'node:dgram';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname } from 'node:path';
import { addressesOf, explainListenError } from './server-socket.js';
import type { HostAndPort, ListenAddress, UnixSocketPath } from './server-socket.js';

/** The first port that needs no privileges on most systems. */
const UNPRIVILEGED_PORT = 1024;

/** @returns what stays so until the machine or the configuration is changed: no such address, no right. */
export async function addressProblems(address: ListenAddress): Promise<readonly string[]> {
  const error = 'port' in address ? await portError(address) : pathError(address);
  return error === undefined ? [] : [explainListenError(error, address)];
}

async function portError({ host, port }: HostAndPort): Promise<NodeJS.ErrnoException | undefined> {
  let addresses: readonly string[];
  try {
    addresses = await addressesOf(host);
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  const errors = await Promise.all(addresses.map((address) => bindError(address, port)));
  // A name may have addresses of a family that this machine lacks.
  return errors.every((error) => error !== undefined) ? errors[0] : errors.find((error) => error?.code === 'EACCES');
}

/** Binds the address for datagrams, which a broker does not use, and frees it again. */
function bindError(address: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', ipv6Only: isIPv6(address) });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      // The port is in use by another program for datagrams, and what else is wrong would be wrong with those alone.
      resolve(error.code === 'EADDRNOTAVAIL' || error.code === 'EACCES' ? error : undefined);
    });
    socket.bind({ address, port: port < UNPRIVILEGED_PORT ? port : 0, exclusive: true }, () => {
      socket.close();
      resolve(undefined);
    });
  });
}

function pathError({ path }: UnixSocketPath): NodeJS.ErrnoException | undefined {
  try {
    const directory = dirname(path);
    // Service managers make a directory there when they start the broker.
    if (/^(\/var)?\/run\//.test(directory) && !existsSync(directory)) return undefined;
    if (!statSync(directory).isDirectory()) return Object.assign(new Error(`${directory} is no directory`), {});
    accessSync(directory, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    // As the operating system says when it listens.
    return Object.assign(error as NodeJS.ErrnoException, { code: 'EACCES' });
  }
}
