// The listening socket on a host name: a port of every address that the name has.
import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect } from 'node:net';
import { ServerSocket } from '../../../../adapters/network/sockets/server-socket.js';
import { NetworkError } from '../../../../src/ports/index.js';

const NOT_OF_THIS_MACHINE = '192.0.2.1'; // reserved for documentation, RFC 5737

const opened: { close(): void }[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

function socketOn(addresses: readonly string[], port = 0): ServerSocket {
  const socket = new ServerSocket({ host: 'name', port }, undefined, () => Promise.resolve(addresses));
  opened.push(socket);
  return socket;
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

async function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect({ host, port });
    client.on('connect', () => {
      client.destroy();
      resolve(true);
    });
    client.on('error', () => {
      resolve(false);
    });
  });
}

const ignore = (socket: Socket): void => void socket.resume().on('error', () => undefined);

describe('a listener on a host name', () => {
  test('it listens on every address of the name, with one port', async () => {
    const address = await socketOn(['127.0.0.1', '127.0.0.2']).open(ignore);
    const port = portOf(address);
    expect(address).toBe(`127.0.0.1:${port}, 127.0.0.2:${port}`);
    expect([await reaches('127.0.0.1', port), await reaches('127.0.0.2', port)]).toEqual([true, true]);
  });

  test('an address that the machine does not have is left out, unless there is no other', async () => {
    const address = await socketOn([NOT_OF_THIS_MACHINE, '127.0.0.1']).open(ignore);
    expect(address).toBe(`127.0.0.1:${portOf(address)}`);
    await expect(socketOn([NOT_OF_THIS_MACHINE]).open(ignore)).rejects.toThrow('this machine has no such address');
  });

  test('if the port of one address is in use, it listens on none and names that address', async () => {
    const other: Server = createServer();
    opened.push(other);
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.2', resolve));
    const { port } = other.address() as { port: number };
    await expect(socketOn(['127.0.0.1', '127.0.0.2'], port).open(ignore)).rejects.toThrow(
      `cannot listen on 127.0.0.2:${port}: the port is in use`,
    );
    expect(await reaches('127.0.0.1', port)).toBe(false);
  });

  test('a name without an address is refused with advice', async () => {
    const socket = new ServerSocket({ host: 'no-such-host.invalid', port: 0 });
    const opening = socket.open(ignore);
    await expect(opening).rejects.toThrow(NetworkError);
    await expect(opening).rejects.toThrow('the host name cannot be resolved');
  });
});
