// How long a migration takes and how much memory it needs: a store of many sessions, each with a backlog of messages of
// which most wait in a hundred queues, from files to files, or to MongoDB and back. The first store is made by an
// import.
//
//   npm run bench:migrate -- [--mongodb mongodb://127.0.0.1:27017] [--sessions 10000] [--messages 10]
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { MongoClient } from 'mongodb';

const MAIN = resolve(import.meta.dirname, '../../dist/src/cli/main.js');
const SHARED_BY = 100;
const PAYLOAD = 'x'.repeat(100);

const { values } = parseArgs({
  options: {
    mongodb: { type: 'string' },
    sessions: { type: 'string', default: '10000' },
    messages: { type: 'string', default: '10' },
  },
});
const sessions = Number(values.sessions);
const messages = Number(values.messages);
const room = mkdtempSync(join(tmpdir(), 'hexmq-bench-'));
const database = `hexmq_bench_${process.pid}`;

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/**
 * Lines of an export: sessions with a subscription each, and queues of which all but one message in ten have others.
 */
function* exported() {
  const counts = { session: 0, subscription: 0, inbound: 0, will: 0, entry: 0, retained: 0 };
  let sum = 0n;
  let hashOfMessage = '';
  const fact = (value) => {
    counts[value.kind]++;
    const text = JSON.stringify(value);
    sum += BigInt(
      `0x${sha256('message' in value ? text.replace(/"message":\d+\}$/, `"message":"${hashOfMessage}"}`) : text)}`,
    );
    return `${text}\n`;
  };
  const client = (i) => `client-${String(i).padStart(7, '0')}`;
  yield `${JSON.stringify({ kind: 'header', format: 'hexmq-export', version: 1, createdAtMs: 0 })}\n`;
  for (let i = 0; i < sessions; i++) {
    yield fact({ kind: 'session', clientId: client(i), expiryIntervalS: 4_294_967_295, disconnectedAtMs: 1 });
    yield fact({
      kind: 'subscription',
      clientId: client(i),
      topicFilter: `plant/${i % 1000}/#`,
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    });
  }
  let id = 0;
  for (let seq = 0; seq < messages; seq++) {
    const sharedBy = seq % 10 === 9 ? 1 : SHARED_BY;
    for (let from = 0; from < sessions; from += sharedBy) {
      const text = JSON.stringify({
        kind: 'message',
        id: ++id,
        topic: `plant/${from % 1000}/t`,
        qos: 1,
        retain: false,
        acceptedAtMs: id,
        payload: Buffer.from(PAYLOAD).toString('base64'),
      });
      hashOfMessage = sha256(text);
      yield `${text}\n`;
      for (let i = from; i < Math.min(sessions, from + sharedBy); i++)
        yield fact({
          kind: 'entry',
          queue: `c:${client(i)}`,
          seq,
          qos: 1,
          retain: false,
          released: false,
          message: id,
        });
    }
  }
  yield `${JSON.stringify({ kind: 'end', counts, digest: (sum % 2n ** 256n).toString(16).padStart(64, '0') })}\n`;
}

async function hexmq(what, args, input) {
  const begin = performance.now();
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
  });
  let peak = 0;
  const look = setInterval(() => {
    try {
      peak = Math.max(
        peak,
        Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0),
      );
    } catch {
      // It has ended.
    }
  }, 100);
  child.stdout.pipe(process.stdout);
  if (input !== undefined) {
    let lot = '';
    for (const line of input) {
      lot += line;
      if (lot.length < 1 << 20) continue;
      if (!child.stdin.write(lot)) await new Promise((drained) => child.stdin.once('drain', drained));
      lot = '';
    }
    child.stdin.end(lot);
  }
  const status = await new Promise((ended) => child.once('close', ended));
  clearInterval(look);
  console.log(
    `${what}: ${((performance.now() - begin) / 1000).toFixed(1)} s, at most ${Math.round(peak / 1024)} MiB resident, status ${status}`,
  );
  if (status !== 0) process.exitCode = 1;
}

const configOf = (name, storage) => {
  writeFileSync(join(room, `${name}.yaml`), JSON.stringify({ storage }));
  return join(room, `${name}.yaml`);
};
const files = configOf('files', { adapter: 'file', options: { directory: join(room, 'files') } });
const mongodb =
  values.mongodb === undefined
    ? undefined
    : configOf('mongodb', { adapter: 'mongodb', options: { url: values.mongodb, database } });
const back = configOf('back', { adapter: 'file', options: { directory: join(room, 'back') } });

try {
  console.log(
    `${sessions} sessions, ${sessions * messages} queued messages of ${PAYLOAD.length} bytes, Node ${process.version}`,
  );
  await hexmq('import into files', ['import', '--config', files], exported());
  if (mongodb === undefined) {
    await hexmq('files to files', ['migrate', '--from', files, '--to', back]);
  } else {
    await hexmq('files to MongoDB', ['migrate', '--from', files, '--to', mongodb]);
    await hexmq('MongoDB to files', ['migrate', '--from', mongodb, '--to', back]);
  }
} finally {
  if (values.mongodb !== undefined) {
    const client = new MongoClient(values.mongodb);
    await client.db(database).dropDatabase();
    await client.close();
  }
  rmSync(room, { recursive: true, force: true });
}
