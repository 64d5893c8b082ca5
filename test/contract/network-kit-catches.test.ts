// Who tests the tests: networks that are wrong in one way each, and the laws of the network contract that find them out.
import { describe, expect, test } from '@jest/globals';
import { NetworkError } from 'hexmq/ports';
import type { Channel, ChannelHandler, Listener } from 'hexmq/ports';
import { ContractViolation, networkContract } from 'hexmq/testkit';
import { MemoryNetwork } from '../../adapters/network/memory/index.js';

/** A channel that works, for others to break. */
class Sound implements Channel {
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

const NOBODY: ChannelHandler = { data: () => undefined, drained: () => undefined, closed: () => undefined };

interface Case {
  readonly wrong: string;
  readonly Broken?: new (inner: Channel) => Sound;
  readonly listener?: (sound: Listener) => Partial<Listener>;
  /** Parts of the names of laws that have to fail; others may. */
  readonly caughtBy: readonly string[];
  readonly says?: string;
}

/** Runs the laws with these words in their names, or all; those that fail with what they say. */
async function failures(
  { Broken = Sound, listener: wrap = () => ({}) }: Partial<Case>,
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
        const sound: Listener = {
          name: network.name,
          listen: (arrive) =>
            network.listen((peer) => {
              const arrival = arrive(peer);
              return (
                arrival && {
                  setClientAddress: (client) => arrival.setClientAddress(client),
                  abort: () => {
                    arrival.abort();
                  },
                  accept: (inner) => {
                    const channel = new Broken(inner);
                    channel.handler = arrival.accept(channel);
                    return channel;
                  },
                }
              );
            }),
          close: () => network.close(),
        };
        const listener = { ...sound, ...wrap(sound) };
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
    wrong: 'turns bytes around',
    Broken: class extends Sound {
      override data(chunk: Uint8Array): void {
        super.data(chunk.slice().reverse());
      }
    },
    caughtBy: ['bytes go both ways'],
    says: 'which differs from byte 0 on',
  },
  {
    wrong: 'uses its buffer again',
    Broken: class extends Sound {
      readonly #buffer = Buffer.alloc(1000);
      override data(chunk: Uint8Array): void {
        if (chunk.length > 1000) super.data(chunk);
        else super.data(this.#buffer.fill(chunk[0] ?? 0).subarray(0, chunk.length));
      }
    },
    caughtBy: ['is not touched again'],
  },
  {
    wrong: 'has endless credit',
    Broken: class extends Sound {
      override write(bytes: Uint8Array): boolean {
        super.write(bytes);
        return true;
      }
    },
    caughtBy: ['does not read is refused further credit'],
    says: 'returned true',
  },
  {
    wrong: 'never has credit',
    Broken: class extends Sound {
      override write(bytes: Uint8Array): boolean {
        super.write(bytes);
        return false;
      }
    },
    caughtBy: ['never lack credit', 'a write is taken and forgotten'],
  },
  {
    wrong: 'forgets to tell drained',
    Broken: class extends Sound {
      override drained(): void {
        /* forgotten */
      }
    },
    caughtBy: ['drained comes once'],
    says: 'drained was not told',
  },
  {
    wrong: 'does not count what has left',
    Broken: class extends Sound {
      override get sentBytes(): number {
        return 0;
      }
    },
    caughtBy: ['drained comes once'],
    says: 'sentBytes is 0 when drained is told',
  },
  {
    wrong: 'counts what was written as sent',
    Broken: class extends Sound {
      #written = 0;

      override get sentBytes(): number {
        return this.#written;
      }

      override write(bytes: Uint8Array): boolean {
        this.#written += bytes.length;
        return super.write(bytes);
      }
    },
    caughtBy: ['drained comes once'],
    says: 'while the peer has not read',
  },
  {
    wrong: 'tells drained too often',
    Broken: class extends Sound {
      override drained(): void {
        super.drained();
        super.drained();
      }
    },
    caughtBy: ['drained comes once'],
    says: 'told 2 times',
  },
  {
    wrong: 'does not pause',
    Broken: class extends Sound {
      override pause(): void {
        /* goes on */
      }
    },
    caughtBy: ['a paused channel holds the peer back', 'paused while it is accepted'],
  },
  {
    wrong: 'does not resume',
    Broken: class extends Sound {
      override resume(): void {
        /* stays */
      }
    },
    caughtBy: ['a paused channel holds the peer back', 'paused while it is accepted'],
  },
  {
    wrong: 'closes at once whatever the grace',
    Broken: class extends Sound {
      override close(): void {
        super.close(0);
      }
    },
    caughtBy: ['a close with grace lets out'],
  },
  {
    wrong: 'waits for ever for a peer that does not read',
    Broken: class extends Sound {
      override close(graceMs: number): void {
        super.close(graceMs === 0 ? 0 : 1e6);
      }
    },
    caughtBy: ['ends all the same when the peer does not read'],
  },
  {
    wrong: 'tells closed twice',
    Broken: class extends Sound {
      override closed(error: Error | undefined): void {
        super.closed(error);
        super.closed(error);
      }
    },
    caughtBy: ['ends at once, and says so afterwards', 'goes without a word'],
    says: 'closed was told 2 times',
  },
  {
    wrong: 'tells closed from within close',
    Broken: class extends Sound {
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
    caughtBy: ['ends at once, and says so afterwards'],
    says: 'from within a call',
  },
  {
    wrong: 'calls an end in order an error',
    Broken: class extends Sound {
      override closed(error: Error | undefined): void {
        super.closed(error ?? new Error('end of file'));
      }
    },
    caughtBy: ['a peer that ends its side', 'lets out what was written'],
    says: 'expected no error',
  },
  {
    wrong: 'calls a reset an end in order',
    Broken: class extends Sound {
      override closed(): void {
        super.closed(undefined);
      }
    },
    caughtBy: ['goes without a word'],
  },
  {
    wrong: 'does not know its peer',
    Broken: class extends Sound {
      override get peer(): Channel['peer'] {
        return { remoteAddress: '', ipAddress: '127.0.0.1:5000' };
      }
    },
    caughtBy: ['says who is at the other end'],
  },
  {
    wrong: 'goes on accepting',
    listener: () => ({ close: async () => undefined }),
    caughtBy: ['a listener that is closed accepts nobody'],
  },
  {
    wrong: 'lets in whoever may not come in',
    listener: ({ listen }) => ({
      listen: (arrive) =>
        listen(
          (peer) => arrive(peer) ?? { setClientAddress: () => true, accept: () => NOBODY, abort: () => undefined },
        ),
    }),
    caughtBy: ['whoever may not come in'],
    says: 'is not closed',
  },
  {
    wrong: 'tells of an arrival twice',
    listener: ({ listen }) => ({
      listen: (arrive) =>
        listen((peer) => {
          arrive(peer);
          return arrive(peer);
        }),
    }),
    caughtBy: ['bytes go both ways', 'whoever may not come in'],
    says: 'was accepted 0 times and failed 0 times',
  },
  {
    wrong: 'tells that what it accepted has failed',
    listener: ({ listen }) => ({
      listen: (arrive) =>
        listen((peer) => {
          const arrival = arrive(peer);
          return arrival && { ...arrival, accept: (channel) => (arrival.abort(), arrival.accept(channel)) };
        }),
    }),
    caughtBy: ['bytes go both ways'],
    says: 'was accepted 1 times and failed 1 times',
  },
  {
    wrong: 'shares its address',
    listener: ({ listen }) => ({ listen: (arrive) => listen(arrive).catch(() => 'memory:memory') }),
    caughtBy: ['an address in use'],
    says: 'two listeners listen on one address',
  },
  {
    wrong: 'refuses without a word of what to do',
    listener: ({ listen }) => ({
      listen: (arrive) => listen(arrive).catch(() => Promise.reject(new NetworkError('EADDRINUSE'))),
    }),
    caughtBy: ['an address in use'],
    says: 'says nothing of what to do',
  },
];

describe('the network contract', () => {
  test('finds nothing wrong with a network that keeps it', async () => {
    expect([...(await failures({}))]).toEqual([]);
  });

  test.each(CASES)('finds a network that $wrong', async (broken) => {
    const found = await failures(broken, broken.caughtBy);
    expect(broken.caughtBy.filter((part) => ![...found.keys()].some((name) => name.includes(part)))).toEqual([]);
    for (const error of found.values()) expect(error).toBeInstanceOf(ContractViolation);
    if (broken.says !== undefined) expect([...found.values()].map(String).join('\n')).toContain(broken.says);
  });
});
