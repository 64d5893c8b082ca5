// The network contract, tested with networks that each break it in one way.
import { describe, expect, test } from '@jest/globals';
import { NetworkError } from 'hexmq/ports';
import type { Channel, ChannelHandler, Listener } from 'hexmq/ports';
import { ContractViolation, networkContract } from 'hexmq/testkit';
import { MemoryNetwork } from '../../adapters/network/memory/index.js';

/** A correct channel, for subclasses to break. */
class CorrectChannel implements Channel {
  handler!: ChannelHandler;

  constructor(readonly inner: Channel) {}

  get peer(): Channel['peer'] {
    return this.inner.peer;
  }

  get sentBytes(): number {
    return this.inner.sentBytes;
  }

  write(bytes: Uint8Array): boolean {
    return this.inner.write(bytes);
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }

  close(graceMs: number): void {
    this.inner.close(graceMs);
  }

  data(chunk: Uint8Array): void {
    this.handler.data(chunk);
  }

  drained(): void {
    this.handler.drained();
  }

  closed(error: Error | undefined): void {
    this.handler.closed(error);
  }
}

const IGNORING: ChannelHandler = { data: () => undefined, drained: () => undefined, closed: () => undefined };

interface Case {
  readonly fault: string;
  readonly Broken?: new (inner: Channel) => CorrectChannel;
  readonly listener?: (correct: Listener) => Partial<Listener>;
  /** Parts of the names of the laws that must fail; others may. */
  readonly caughtBy: readonly string[];
  readonly says?: string;
}

/** Runs the laws whose names contain one of the parts, or all laws; returns the failures by law. */
async function failures(
  { Broken = CorrectChannel, listener: wrap = () => ({}) }: Partial<Case>,
  only?: readonly string[],
): Promise<Map<string, unknown>> {
  const laws: [string, () => Promise<void>][] = [];
  networkContract({
    name: 'broken',
    describe: (_name, body) => {
      body();
    },
    test: (name, body) => {
      laws.push([name, body]);
    },
    timeoutMs: 200,
    factory: {
      create: async () => {
        const network = new MemoryNetwork();
        const correct: Listener = {
          name: network.name,
          listen: (onConnection) =>
            network.listen((peer) => {
              const connection = onConnection(peer);
              return (
                connection && {
                  setClientAddress: (client) => connection.setClientAddress(client),
                  abort: () => {
                    connection.abort();
                  },
                  accept: (inner) => {
                    const channel = new Broken(inner);
                    channel.handler = connection.accept(channel);
                    return channel;
                  },
                }
              );
            }),
          close: () => network.close(),
        };
        const listener = { ...correct, ...wrap(correct) };
        return {
          listener,
          createOnSameAddress: () => ({ ...listener, close: async () => undefined }),
          connect: async () => {
            const client = network.connect();
            return Object.assign(client, { reset: () => client.destroy() });
          },
          dispose: async () => undefined,
        };
      },
    },
  });
  const found = new Map<string, unknown>();
  for (const [name, body] of laws) {
    if (only !== undefined && !only.some((part) => name.includes(part))) continue;
    await body().catch((error: unknown) => found.set(name, error));
  }
  return found;
}

const CASES: readonly Case[] = [
  {
    fault: 'reverses bytes',
    Broken: class extends CorrectChannel {
      override data(chunk: Uint8Array): void {
        super.data(chunk.slice().reverse());
      }
    },
    caughtBy: ['bytes go both ways'],
    says: 'which differs from byte 0 on',
  },
  {
    fault: 'reuses its buffer',
    Broken: class extends CorrectChannel {
      readonly #buffer = Buffer.alloc(1000);
      override data(chunk: Uint8Array): void {
        if (chunk.length > 1000) super.data(chunk);
        else super.data(this.#buffer.fill(chunk[0] ?? 0).subarray(0, chunk.length));
      }
    },
    caughtBy: ['never changed afterwards'],
  },
  {
    fault: 'always returns true from write',
    Broken: class extends CorrectChannel {
      override write(bytes: Uint8Array): boolean {
        super.write(bytes);
        return true;
      }
    },
    caughtBy: ['write returns false while the peer does not read'],
    says: 'returned true',
  },
  {
    fault: 'always returns false from write',
    Broken: class extends CorrectChannel {
      override write(bytes: Uint8Array): boolean {
        super.write(bytes);
        return false;
      }
    },
    caughtBy: ['write returns true for small writes', 'writes return true without effect'],
  },
  {
    fault: 'never calls drained',
    Broken: class extends CorrectChannel {
      override drained(): void {
        /* ignored */
      }
    },
    caughtBy: ['drained follows once'],
    says: 'drained was not called',
  },
  {
    fault: 'does not count the bytes sent',
    Broken: class extends CorrectChannel {
      override get sentBytes(): number {
        return 0;
      }
    },
    caughtBy: ['drained follows once'],
    says: 'sentBytes is 0 at drained',
  },
  {
    fault: 'counts written bytes as sent',
    Broken: class extends CorrectChannel {
      #written = 0;

      override get sentBytes(): number {
        return this.#written;
      }

      override write(bytes: Uint8Array): boolean {
        this.#written += bytes.length;
        return super.write(bytes);
      }
    },
    caughtBy: ['drained follows once'],
    says: 'although the peer has not read',
  },
  {
    fault: 'calls drained twice',
    Broken: class extends CorrectChannel {
      override drained(): void {
        super.drained();
        super.drained();
      }
    },
    caughtBy: ['drained follows once'],
    says: 'called 2 times',
  },
  {
    fault: 'ignores pause',
    Broken: class extends CorrectChannel {
      override pause(): void {
        /* ignored */
      }
    },
    caughtBy: ['pause holds the peer back', 'paused during accept'],
  },
  {
    fault: 'ignores resume',
    Broken: class extends CorrectChannel {
      override resume(): void {
        /* ignored */
      }
    },
    caughtBy: ['pause holds the peer back', 'paused during accept'],
  },
  {
    fault: 'closes at once despite a grace period',
    Broken: class extends CorrectChannel {
      override close(): void {
        super.close(0);
      }
    },
    caughtBy: ['close with a grace period sends'],
  },
  {
    fault: 'waits forever for a peer that does not read',
    Broken: class extends CorrectChannel {
      override close(graceMs: number): void {
        super.close(graceMs === 0 ? 0 : 1e6);
      }
    },
    caughtBy: ['ends after it even if the peer does not read'],
  },
  {
    fault: 'calls closed twice',
    Broken: class extends CorrectChannel {
      override closed(error: Error | undefined): void {
        super.closed(error);
        super.closed(error);
      }
    },
    caughtBy: ['ends at once, and closed is called later', 'after a reset by the peer'],
    says: 'closed was called 2 times',
  },
  {
    fault: 'calls closed during close',
    Broken: class extends CorrectChannel {
      #isClosed = false;
      override close(graceMs: number): void {
        super.close(graceMs);
        if (graceMs === 0 && this.handler !== undefined) this.closed(undefined);
      }
      override closed(error: Error | undefined): void {
        if (!this.#isClosed) super.closed(error);
        this.#isClosed = true;
      }
    },
    caughtBy: ['ends at once, and closed is called later'],
    says: 'during a call',
  },
  {
    fault: 'reports an orderly end as an error',
    Broken: class extends CorrectChannel {
      override closed(error: Error | undefined): void {
        super.closed(error ?? new Error('end of file'));
      }
    },
    caughtBy: ['a peer that ends its side', 'sends what was written'],
    says: 'expected no error',
  },
  {
    fault: 'reports a reset as an orderly end',
    Broken: class extends CorrectChannel {
      override closed(): void {
        super.closed(undefined);
      }
    },
    caughtBy: ['after a reset by the peer'],
  },
  {
    fault: 'does not describe its peer',
    Broken: class extends CorrectChannel {
      override get peer(): Channel['peer'] {
        return { remoteAddress: '', ipAddress: '127.0.0.1:5000' };
      }
    },
    caughtBy: ['a channel describes its peer'],
  },
  {
    fault: 'accepts connections after close',
    listener: () => ({ close: async () => undefined }),
    caughtBy: ['a closed listener accepts no connection'],
  },
  {
    fault: 'keeps a rejected connection open',
    listener: ({ listen }) => ({
      listen: (onConnection) =>
        listen(
          (peer) =>
            onConnection(peer) ?? { setClientAddress: () => true, accept: () => IGNORING, abort: () => undefined },
        ),
    }),
    caughtBy: ['a rejected connection'],
    says: 'is not closed',
  },
  {
    fault: 'reports a connection twice',
    listener: ({ listen }) => ({
      listen: (onConnection) =>
        listen((peer) => {
          onConnection(peer);
          return onConnection(peer);
        }),
    }),
    caughtBy: ['bytes go both ways', 'a rejected connection'],
    says: 'was accepted 0 times and aborted 0 times',
  },
  {
    fault: 'aborts a connection that it has accepted',
    listener: ({ listen }) => ({
      listen: (onConnection) =>
        listen((peer) => {
          const connection = onConnection(peer);
          return connection && { ...connection, accept: (channel) => (connection.abort(), connection.accept(channel)) };
        }),
    }),
    caughtBy: ['bytes go both ways'],
    says: 'was accepted 1 times and aborted 1 times',
  },
  {
    fault: 'shares its address with another listener',
    listener: ({ listen }) => ({ listen: (onConnection) => listen(onConnection).catch(() => 'memory:memory') }),
    caughtBy: ['listening on an address in use'],
    says: 'two listeners listen on one address',
  },
  {
    fault: 'gives no advice when the address is in use',
    listener: ({ listen }) => ({
      listen: (onConnection) => listen(onConnection).catch(() => Promise.reject(new NetworkError('EADDRINUSE'))),
    }),
    caughtBy: ['listening on an address in use'],
    says: 'gives no advice',
  },
];

describe('network contract', () => {
  test('the network contract passes for a correct network', async () => {
    expect([...(await failures({}))]).toEqual([]);
  });

  test.each(CASES)('the network contract catches a network that $fault', async (broken) => {
    const found = await failures(broken, broken.caughtBy);
    expect(broken.caughtBy.filter((part) => ![...found.keys()].some((name) => name.includes(part)))).toEqual([]);
    for (const error of found.values()) expect(error).toBeInstanceOf(ContractViolation);
    if (broken.says !== undefined) expect([...found.values()].map(String).join('\n')).toContain(broken.says);
  });
});
