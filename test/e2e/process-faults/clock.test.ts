// The built command on a machine whose date is corrected while it runs: by NTP after a start in 1970, or by mistake.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import * as raw from '../../clients/raw-packets.js';
import { MachineDate } from './clock/machine-date.js';
import { startBroker, temporaryDirectory } from '../hexmq-command.js';
import type { RunningBroker } from '../hexmq-command.js';
import { connect } from '../mqtt-js.js';
import { scene } from '../program.js';
import { connected, reconnected } from '../raw-socket.js';
import { describeWith } from '../tools.js';

const SECRET = 'a secret of at least thirty-two bytes';
const DAY_S = 86_400;
const YEAR_S = 365 * DAY_S;

const noticed = (broker: RunningBroker): Promise<unknown> => broker.program.logs(/"event":"clock-corrected"/);

/** A store of which every start has the same configuration. */
function storeOn(date: MachineDate): () => Promise<RunningBroker> {
  const directory = temporaryDirectory();
  const config = join(directory, 'hexmq.yaml');
  const storage = { adapter: 'file', options: { directory: join(directory, 'data') } };
  const limits = { sessionExpiryMax: DAY_S, messageExpiryMax: DAY_S };
  writeFileSync(config, JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage, limits }));
  return () => startBroker(['--config', config], { env: date.env });
}

async function leaveWithMessage(broker: RunningBroker): Promise<void> {
  const away = await connected(broker, { clientId: 'away', clean: false });
  away.send(raw.subscribe(1, [['t', 1]]));
  await away.next('suback');
  away.send(raw.DISCONNECT);
  await away.gone();
  const publisher = await connected(broker, { clientId: 'publisher' });
  publisher.send(raw.publish({ topic: 't', payload: 'kept', qos: 1, packetId: 1 }));
  await publisher.next('puback');
}

async function returnsToMessage(broker: RunningBroker): Promise<void> {
  const { client, sessionPresent } = await reconnected(broker, { clientId: 'away', clean: false });
  expect(sessionPresent).toBe(true);
  expect((await client.next('publish')).payload).toBe('kept');
  client.send(raw.puback(1));
}

describeWith('cc', 'a machine whose date was wrong when the broker started', () => {
  test('tokens are judged by the date of now', () =>
    scene(async () => {
      const date = await MachineDate.make();
      const config = join(temporaryDirectory(), 'hexmq.yaml');
      const jwt = { adapter: 'jwt', options: { algorithms: ['HS256'], secret: SECRET } };
      const storage = { adapter: 'memory' };
      writeFileSync(config, JSON.stringify({ listeners: [{ type: 'tcp', port: 0 }], storage, authentication: [jwt] }));
      date.beginIn1970();
      const broker = await startBroker(['--config', config], { env: date.env });
      date.ahead(0);
      const now = Math.floor(Date.now() / 1000);
      const tokenWith = (claims: object): Promise<string> =>
        new SignJWT({ sub: 'ann', ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET));
      const old = await tokenWith({ exp: now - YEAR_S });
      const fresh = await tokenWith({ nbf: now - 10, exp: now + 600 });
      await expect(connect(broker, { username: 'ann', password: old })).rejects.toMatchObject({ code: 4 });
      const { mqtt, closed } = await connect(broker, { clientId: 'lasting', username: 'ann', password: fresh });
      await noticed(broker);
      expect(mqtt.connected).toBe(true);
      date.ahead(YEAR_S);
      await closed;
      await broker.program.logs(/"event":"connection-ended".*"reason":"credentials-expired"/);
      expect((await broker.stop()).status).toBe(0);
    }));

  test('a session that was left after the correction, and its message, are there after a kill', () =>
    scene(async () => {
      const date = await MachineDate.make();
      const start = storeOn(date);
      date.beginIn1970();
      const broker = await start();
      date.ahead(0);
      await noticed(broker);
      await leaveWithMessage(broker);
      broker.program.kill('SIGKILL');
      await broker.program.end();
      const next = await start();
      await returnsToMessage(next);
      expect((await next.stop()).status).toBe(0);
    }));
});

describeWith('cc', 'a date that is corrected by a year while the broker runs', () => {
  test.each([
    ['forwards', YEAR_S],
    ['back', -YEAR_S],
  ])('a year %s ends neither connections nor sessions, now and after a restart', (_way, byS) =>
    scene(async () => {
      const date = await MachineDate.make();
      const start = storeOn(date);
      const broker = await start();
      await leaveWithMessage(broker);
      const present = await connected(broker, { clientId: 'present', keepAlive: 60 });
      date.ahead(byS);
      await noticed(broker);
      present.send(raw.PINGREQ);
      await present.next('pingresp');
      expect((await broker.stop()).status).toBe(0);
      const next = await start();
      await returnsToMessage(next);
      expect((await next.stop()).status).toBe(0);
    }),
  );
});
