// npm run loss-matrix                                      all cells, into the table of docs/loss-matrix.md
// npm run loss-matrix -- --rounds 3 --seed 7               fewer rounds; the same traffic
// npm run loss-matrix -- --only file/stored/broker-killed  one cell, or all whose names begin like this
// npm run loss-matrix -- --page FILE                       writes into another page
//
// The command that measures the loss matrix. It ends with status 0 if every cell kept its promise, with 1 if one did
// not (then it writes nothing), and with 2 if it could not measure.
import { MongoClient } from 'mongodb';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hexmq, ROOT } from '../hexmq-command.js';
import { Chance } from '../kill/chance.js';
import { KillableBroker } from '../kill/killable-broker.js';
import { fileStorage, killableMongodbStorage } from '../kill/storage-place.js';
import type { StoragePlace } from '../kill/storage-place.js';
import { scene } from '../program.js';
import { killableMongoServer } from '../../support/mongodb-server.js';
import type { KillableMongoServer } from '../../support/mongodb-server.js';
import { brokenPromises, CELLS, cellName } from './cells.js';
import type { Cell } from './cells.js';
import { Experiment } from './experiment.js';
import type { Findings } from './experiment.js';
import { withMatrix } from './page.js';
import type { Row } from './page.js';

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

function numberOf(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    throw new Error(`--${name} is a whole number from ${least} on, not "${text}"`);
  return number;
}

function asked() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
      page: { type: 'string', default: join(ROOT, 'docs/loss-matrix.md') },
    },
  });
  const cells = CELLS.filter((cell) => cellName(cell).startsWith(values.only));
  if (cells.length === 0)
    throw new Error(`--only: no cell begins with "${values.only}"; there are ${CELLS.map(cellName).join(', ')}`);
  return {
    rounds: numberOf('rounds', values.rounds, 1),
    seed: numberOf('seed', values.seed, 0),
    cells,
    page: values.page,
  };
}

async function serverFor(cells: readonly Cell[]): Promise<KillableMongoServer | undefined> {
  if (cells.every(({ storage }) => storage !== 'mongodb')) return undefined;
  const server = await killableMongoServer();
  if (server === undefined)
    throw new Error(
      'a MongoDB server that may be killed is missing: docs/testing.md says how the tests find one; or leave it out with --only',
    );
  return server;
}

async function nameOf({ uri }: KillableMongoServer): Promise<string> {
  const client = new MongoClient(uri);
  try {
    const { version, ferretdb } = (await client.db('admin').command({ buildInfo: 1 })) as {
      version: string;
      ferretdb?: { version: string };
    };
    // FerretDB reports the version of MongoDB that it implements, and its own version beside it.
    return ferretdb === undefined
      ? `MongoDB ${version}`
      : `FerretDB ${ferretdb.version.replace(/^v/, '')} over PostgreSQL`;
  } finally {
    await client.close();
  }
}

async function versionOf(): Promise<string> {
  const { stdout } = await hexmq(['--version']);
  return /\d\S*/.exec(stdout)?.[0] ?? stdout.trim();
}

function placeOf({ storage, ackLevel }: Cell, server: KillableMongoServer | undefined): StoragePlace {
  const place = ((): StoragePlace => {
    switch (storage) {
      case 'memory':
        return { args: ['--storage', 'memory'] };
      case 'file':
        return fileStorage();
      case 'mongodb':
        return killableMongodbStorage(server as KillableMongoServer);
    }
  })();
  return { ...place, args: [...place.args, '--ack-level', ackLevel] };
}

async function experiment(
  cell: Cell,
  rounds: number,
  seed: number,
  server: KillableMongoServer | undefined,
): Promise<Findings> {
  let findings: Findings | undefined;
  await scene(async () => {
    findings = await new Experiment(cell, new KillableBroker(placeOf(cell, server)), new Chance(seed)).run(rounds);
  });
  return findings as Findings;
}

async function main(): Promise<number> {
  const { rounds, seed, cells, page } = asked();
  const server = await serverFor(cells);
  try {
    const rows: Row[] = [];
    const broken: string[] = [];
    for (const cell of cells) {
      const { counts, faults } = await experiment(cell, rounds, seed, server);
      rows.push({ cell, counts });
      broken.push(...brokenPromises(cell, counts, faults));
      say(`${cellName(cell)}: ${JSON.stringify(counts)}`);
    }
    if (broken.length > 0) {
      say(['promises were broken:', ...broken.map((problem) => `  - ${problem}`)].join('\n'));
      return 1;
    }
    const circumstances = {
      version: await versionOf(),
      rounds,
      seed,
      server: server === undefined ? undefined : await nameOf(server),
    };
    writeFileSync(page, withMatrix(readFileSync(page, 'utf8'), circumstances, rows));
    say(`every cell kept what it promises; ${page} says so`);
    return 0;
  } finally {
    await server?.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
