// The built command under a service manager that speaks sd_notify, such as systemd.
import { expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBroker, startProgram, temporaryDirectory } from '../hexmq-command.js';
import { Program, scene } from '../program.js';
import { connected } from '../raw-socket.js';
import { describeWith } from '../tools.js';

const IN_MEMORY = ['--port', '0', '--storage', 'memory'];

async function serviceManager(name: string): Promise<Program> {
  const manager = new Program('python3', [join(import.meta.dirname, 'service-manager.py'), name]);
  await manager.says(/^listening$/m);
  return manager;
}

const inDirectory = (): string => join(temporaryDirectory(), 'notify');
const abstractName = (): string => `@hexmq-test-${randomBytes(8).toString('hex')}`;

describeWith('systemd_notify', 'a service manager', () => {
  test.each([
    ['in a directory', inDirectory],
    ['in the abstract namespace', abstractName],
  ])('with its socket %s learns when the broker serves, reloads, lives and stops', (_name, nameOf) =>
    scene(async () => {
      const name = nameOf();
      const manager = await serviceManager(name);
      const broker = await startBroker(IN_MEMORY, { env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: '400000' } });
      await manager.says(/^listening\n(BARRIER=1\n)?READY=1$/m);
      await manager.says(/^WATCHDOG=1$[^]*^WATCHDOG=1$/m);
      broker.program.kill('SIGHUP');
      await manager.says(/^RELOADING=1 MONOTONIC_USEC=\d+$[^]*^READY=1$/m);
      expect(manager.stdout).not.toContain('STOPPING');
      const { status, stderr } = await broker.stop();
      expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('service manager') });
      await manager.says(/^STOPPING=1$/m);
    }),
  );

  test('learns nothing of readiness from a broker that cannot start', () =>
    scene(async () => {
      const name = inDirectory();
      const manager = await serviceManager(name);
      const taken = await startBroker(IN_MEMORY);
      const program = startProgram(['--port', String(taken.port), '--storage', 'memory'], {
        cwd: temporaryDirectory(),
        env: { NOTIFY_SOCKET: name },
      });
      expect((await program.end()).status).toBe(1);
      expect(manager.stdout).not.toContain('READY');
    }));

  test('a watchdog that is meant for another process gets no sign of life', () =>
    scene(async () => {
      const name = inDirectory();
      const manager = await serviceManager(name);
      const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '2000', WATCHDOG_PID: '1' };
      const broker = await startBroker(IN_MEMORY, { env });
      const client = await connected(broker, { clientId: 'served' });
      await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
      await broker.stop();
      await manager.says(/^STOPPING=1$/m);
      expect(manager.stdout).not.toContain('WATCHDOG');
    }));
});

test('a broker that cannot send its messages to a service manager says so once and serves', () =>
  scene(async () => {
    const env = { NOTIFY_SOCKET: inDirectory(), WATCHDOG_USEC: '2000', PATH: temporaryDirectory() };
    const broker = await startBroker(IN_MEMORY, { env });
    await broker.program.logs(/"what":"service manager","detail":".*the command systemd-notify is missing"/);
    const client = await connected(broker, { clientId: 'served' });
    await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
    const { status, stderr } = await broker.stop();
    expect(status).toBe(0);
    expect(stderr.match(/service manager/g)).toHaveLength(2);
  }));

test('a broker whose service manager has gone says so once and serves', () =>
  scene(async () => {
    const path = temporaryDirectory();
    const fake = '#!/bin/sh\necho "Failed to notify init system: Connection refused" >&2\nexit 1\n';
    writeFileSync(join(path, 'systemd-notify'), fake, { mode: 0o755 });
    const env = { NOTIFY_SOCKET: inDirectory(), WATCHDOG_USEC: '2000', PATH: `${path}:/usr/bin:/bin` };
    const broker = await startBroker(IN_MEMORY, { env });
    await broker.program.logs(/"detail":"[^"]*Connection refused"/);
    const client = await connected(broker, { clientId: 'served' });
    await client.publish({ topic: 'plant/7', payload: 'x', qos: 1 });
    const { status, stderr } = await broker.stop();
    expect(status).toBe(0);
    expect(stderr.match(/Connection refused/g)).toHaveLength(1);
  }));
