// The table of memory in docs/architecture, attacked from outside: what each row promises holds in the resident memory
// of the built command, and others are served meanwhile.
import { describe, expect, test } from '@jest/globals';
import { publish } from '../clients/raw-packets.js';
import { roundTrip, startTarget } from './memory/attack.js';
import type { Attack } from './memory/attack.js';
import { ATTACKS, attacksOf } from './memory/table.js';
import { scene } from './program.js';
import { connected } from './raw-socket.js';
import type { RawSocketClient } from './raw-socket.js';
import { watchGrowth } from './resident-memory.js';

async function expectServed(client: RawSocketClient): Promise<void> {
  await client.ping();
  const packetId = client.newPacketId();
  client.send(publish({ topic: 'well-behaved', payload: 'x', qos: 1, packetId }));
  expect(await client.first('puback')).toMatchObject({ packetId });
}

function attack({ run, growthMax, logs, hasNoUser = false, ...start }: Attack): Promise<void> {
  return scene(async () => {
    const target = await startTarget(start);
    const wellBehaved = hasNoUser ? undefined : await connected(target.plain, { clientId: 'well-behaved' });
    const growth = watchGrowth(target.program, 'RssAnon');
    await run(target);
    if (wellBehaved === undefined) await roundTrip(target);
    else await expectServed(wellBehaved);
    const grown = growth();
    if (process.env['HEXMQ_SHOW_GROWTH'] !== undefined) process.stderr.write(`grown by ${grown} of ${growthMax}\n`);
    expect({ grown, isBounded: grown < growthMax }).toEqual({ grown, isBounded: true });
    if (logs !== undefined) await target.program.logs(logs);
  });
}

describe('the bounds of memory', () => {
  test.each(attacksOf(ATTACKS))('%s: %s', (_row, _name, one) => attack(one));
});
