// The in-memory network beyond the contract in test/contract: determinism and control.
import { expect, test } from '@jest/globals';
import { MemoryNetwork } from '../../../adapters/network/memory/index.js';
import { acceptAll } from '../../support/test-listener.js';

/** Logs the events of all connections in one list. */
function transcript(network: MemoryNetwork, log: string[]): Promise<string> {
  return network.listen(
    acceptAll((channel) => {
      const name = channel.peer.remoteAddress;
      log.push(`${name} accepted`);
      return {
        data: (chunk) => {
          log.push(`${name} data ${String(chunk)}`);
          channel.write(chunk);
        },
        drained: () => log.push(`${name} drained`),
        closed: (error) => log.push(`${name} closed ${error?.message ?? 'in order'}`),
      };
    }),
  );
}

/** Runs scheduled tasks on demand, in the order that `pick` chooses. */
class StepSchedule {
  readonly tasks: (() => void)[] = [];
  readonly schedule = (task: () => void): void => {
    this.tasks.push(task);
  };

  run(pick: (count: number) => number = () => 0): void {
    while (this.tasks.length > 0) this.tasks.splice(pick(this.tasks.length), 1)[0]?.();
  }
}

test('everything happens through the schedule, and the same calls give the same order of events', async () => {
  const run = async (): Promise<string[]> => {
    const steps = new StepSchedule();
    const network = new MemoryNetwork({ schedule: steps.schedule });
    const log: string[] = [];
    await transcript(network, log);
    const one = network.connect();
    const two = network.connect();
    two.write(Uint8Array.of(2));
    one.write(Uint8Array.of(1));
    one.end();
    expect(log).toEqual([]);
    steps.run();
    two.destroy();
    steps.run();
    return log;
  };
  const first = await run();
  expect(first).toEqual([
    'memory:1 accepted',
    'memory:2 accepted',
    'memory:2 data 2',
    'memory:1 data 1',
    'memory:1 closed in order',
    'memory:2 closed connection reset by the client',
  ]);
  expect(await run()).toEqual(first);
});

test('for any order of tasks, each connection keeps its own order of events and closes once, last', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const pick = (count: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state % count;
    };
    const steps = new StepSchedule();
    const network = new MemoryNetwork({ schedule: steps.schedule });
    const log: string[] = [];
    await transcript(network, log);
    const clients = [network.connect(), network.connect(), network.connect()];
    for (let byte = 0; byte < 3; byte++) for (const client of clients) client.write(Uint8Array.of(byte));
    clients[0]?.end();
    clients[1]?.destroy();
    steps.run(pick);
    clients[2]?.end();
    steps.run(pick);
    for (const name of ['memory:1', 'memory:2', 'memory:3']) {
      const events = log.filter((line) => line.startsWith(name));
      // A reset can overtake the opening; then the broker never saw the connection.
      if (events.length === 0) continue;
      expect(events.slice(0, -1)).toEqual([`${name} accepted`, `${name} data 0`, `${name} data 1`, `${name} data 2`]);
      expect(events.at(-1)).toMatch(/closed/);
    }
    expect(clients.every((client) => client.isClosed)).toBe(true);
  }
});

test('a late onData callback first gets the collected chunks, and nothing is collected afterwards', async () => {
  const network = new MemoryNetwork();
  await transcript(network, []);
  const client = network.connect();
  client.write(Uint8Array.of(1));
  await new Promise(setImmediate);
  expect(client.received).toHaveLength(1);
  const chunks: number[] = [];
  client.onData((chunk) => chunks.push(...chunk));
  client.write(Uint8Array.of(2));
  await new Promise(setImmediate);
  expect(chunks).toEqual([1, 2]);
  expect(client.received).toHaveLength(0);
});

test('a client may reuse its buffer after a write', async () => {
  const network = new MemoryNetwork();
  const log: string[] = [];
  await transcript(network, log);
  const client = network.connect();
  const buffer = Uint8Array.of(1);
  client.write(buffer);
  buffer[0] = 9;
  await new Promise(setImmediate);
  expect(log).toContain('memory:1 data 1');
});

test('a client can distinguish an orderly end from a reset', async () => {
  const network = new MemoryNetwork();
  await network.listen(
    acceptAll((channel) => ({
      data: ([command]) => {
        channel.close(command === 1 ? 1000 : 0);
      },
      drained: () => undefined,
      closed: () => undefined,
    })),
  );
  const ended = network.connect();
  ended.write(Uint8Array.of(1));
  await ended.closed;
  expect(ended.wasReset).toBe(false);
  const reset = network.connect();
  reset.write(Uint8Array.of(0));
  await reset.closed;
  expect(reset.wasReset).toBe(true);
});

test('crashing the broker resets its clients, silences its handlers and lets another broker listen', async () => {
  const network = new MemoryNetwork();
  const log: string[] = [];
  await transcript(network, log);
  const client = network.connect();
  client.write(Uint8Array.of(1));
  await new Promise(setImmediate);
  client.write(Uint8Array.of(2));
  const leaving = network.connect();
  await new Promise(setImmediate);
  log.length = 0;
  leaving.destroy();
  client.write(Uint8Array.of(3));
  network.crashBroker();
  await client.closed;
  await new Promise(setImmediate);
  expect(client.wasReset).toBe(true);
  expect(log).toEqual([]);
  expect(() => network.connect()).toThrow('no broker listens');
  await transcript(network, log);
  network.connect();
});
