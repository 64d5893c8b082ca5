// The built command with clients of MQTT 5 by others. Each plays the same scenarios in its own language and reports
// what it got; the expectations are the same for all, except for what a library cannot do: `clients.ts` says that.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../clients/within.js';
import { CLIENTS } from './clients-5/clients.js';
import type { Client5 } from './clients-5/clients.js';
import { Relay } from './clients-5/relay.js';
import type { RelayedPacket } from './clients-5/relay.js';
import { EXPECTED, LIMITS, SCENARIOS } from './clients-5/scenarios.js';
import type { Reports, Scenario } from './clients-5/scenarios.js';
import { ROOT, startProgram, temporaryDirectory } from './hexmq-command.js';
import { afterwards, Program, scene } from './program.js';
import { describeWith } from './tools.js';

/** A client that is compiled with nothing in a cache takes more than a minute. */
const PATIENCE_MS = 300_000;

const MAIN = join(ROOT, 'dist/src/cli/main.js');

/** The directory of a configuration with all that the scenarios need. */
async function configured(): Promise<string> {
  const directory = temporaryDirectory();
  const configuration = {
    listeners: ['tcp', 'ws'].map((type) => ({ type, port: 0 })),
    storage: { adapter: 'memory' },
    authentication: [{ adapter: 'anonymous' }, { adapter: 'scram', options: { path: 'scram' } }],
    authorization: [{ adapter: 'acl-file', options: { path: 'acl' } }],
    limits: LIMITS,
  };
  writeFileSync(join(directory, 'hexmq.json'), JSON.stringify(configuration));
  writeFileSync(join(directory, 'acl'), 'pattern deny forbidden/#\npattern readwrite #\n');
  const alice = new Program(process.execPath, [MAIN, 'passwd', '--scram', 'scram', 'alice', '--stdin'], {
    cwd: directory,
  });
  alice.closeInput('secret\n');
  expect((await alice.end()).status).toBe(0);
  return directory;
}

/** Lets a client play all scenarios on a new broker, through a relay. */
async function played({ transport, play }: Client5): Promise<{ reports: Reports; packets: readonly RelayedPacket[] }> {
  const got: { reports: Reports; packets: readonly RelayedPacket[] } = { reports: {}, packets: [] };
  await scene(async () => {
    const program = startProgram(['--config', 'hexmq.json'], { cwd: await configured() });
    const [, tcp = '', ws = ''] = await program.says(/\bhexmq \S+ ready: tcp (\S+), ws (\S+),/m);
    const relay = await Relay.to(transport, transport === 'tcp' ? tcp : ws);
    afterwards(() => {
      relay.close();
    });
    got.packets = relay.packets;
    got.reports = await play(relay.port);
    program.kill('SIGTERM');
    const { status, stderr } = await within(program.end(), 'the broker to stop');
    expect({ status, errors: stderr.match(/"level":"(error|fatal)".*|^hexmq: .*/gm) }).toEqual({
      status: 0,
      errors: null,
    });
  });
  return got;
}

for (const client of CLIENTS) {
  const suite = client.needs.length === 0 ? describe : describeWith.bind(undefined, client.needs);
  suite(`${client.name}, speaking MQTT 5`, () => {
    let reports: Reports = {};
    let packets: readonly RelayedPacket[] = [];
    beforeAll(async () => {
      ({ reports, packets } = await played(client));
    }, PATIENCE_MS);

    test.each(Object.entries(SCENARIOS) as [Scenario, string][])('%s: %s', (scenario) => {
      expect(reports[scenario]).toEqual(client.differs[scenario] ?? EXPECTED[scenario]);
    });

    test.each(['client', 'broker'] as const)('Topic Aliases stand for topics in what the %s sends', (from) => {
      const of = from === 'client' ? 'aliases-publisher' : 'aliases-subscriber';
      const published = packets.filter((each) => each.from === from && each.clientId === of);
      const isUsed = published.some(({ packet }) => packet.cmd === 'publish' && packet.topic === '');
      expect(isUsed).toBe(client.aliases.includes(from));
    });
  });
}
