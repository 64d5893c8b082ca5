// A million messages for offline clients: how fast the broker accepts them, how much memory it uses meanwhile, and how
// fast it delivers them in order while more arrive. For one session, and for a thousand sessions with a thousand
// messages each, at several windows.
//
//   npm run bench:paging
//   npm run bench:paging -- --messages 100000 --sessions 1 --windows 50
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argumentsOf } from './arguments.mjs';
import { Backlog } from './backlog.mjs';
import { BrokerProcess, mebibytes } from './broker-process.mjs';

const MEGABYTE = 1_000_000;

const { messages, payload, arriving, publishers, window, sessions, windows, directory, bound } = argumentsOf({
  messages: 1_000_000,
  payload: 1000,
  /** Published while the others are delivered. */
  arriving: 100_000,
  publishers: 4,
  /** The window of each publisher. */
  window: 500,
  sessions: [1, 1000],
  /** The windows to the clients that reconnect: `limits.maxInflight`. */
  windows: [20, 1000],
  directory: tmpdir(),
  /** MB (millions of bytes) that may be resident beyond what a broker without messages has, mapped files included. */
  bound: 150,
});

const say = (text) => process.stdout.write(`${text}\n`);

async function timed(work) {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

const rate = (count, seconds) => `${Math.round(count / seconds).toLocaleString('en')} msg/s (${seconds.toFixed(1)} s)`;

async function run(sessionCount, maxInflight) {
  const data = mkdtempSync(join(directory, 'hexmq-paging-'));
  const limits = {
    MAX_QUEUE_SIZE: 2 * messages,
    MAX_QUEUE_BYTES: 4 * (messages + arriving) * payload,
    MAX_INFLIGHT: maxInflight,
  };
  const broker = await BrokerProcess.start(join(data, 'store'), { limits });
  try {
    const backlog = new Backlog(broker, { sessions: sessionCount, payload });
    const empty = broker.memory;
    await backlog.subscribe();
    say(
      `${messages.toLocaleString('en')} messages of ${payload} bytes for ${sessionCount} sessions, window ${maxInflight}; before: ${mebibytes(empty.resident)} MiB resident`,
    );
    let [resident, own] = [0, 0];
    const phase = async (title, count, work) => {
      const mostOf = broker.watchMemory();
      const seconds = await timed(work);
      const most = mostOf();
      say(
        `  ${title}: ${rate(count, seconds)}, resident at most ${mebibytes(most.resident)} MiB, without mapped files ${mebibytes(most.own)}`,
      );
      [resident, own] = [Math.max(resident, most.resident), Math.max(own, most.own)];
    };

    await phase('queued', messages, () => backlog.publish({ messages, publishers, window }));
    const total = messages + arriving;
    await phase('delivered in order, with more arriving', total, async () => {
      await Promise.all([
        backlog.return(),
        backlog.publish({ messages: arriving, publishers: 1, window: 20 }),
        backlog.untilReceived(total),
      ]);
    });
    await backlog.leave();
    const megabytes = (bytes) => (bytes / MEGABYTE).toFixed(0);
    const grown = resident - empty.resident;
    const isWithin = grown <= bound * MEGABYTE;
    const ownGrown = own - (empty.resident - empty.mapped);
    say(
      `  grew by ${megabytes(grown)} MB, without mapped files by ${megabytes(ownGrown)}: ${isWithin ? 'within' : 'BEYOND'} the bound of ${bound}`,
    );
    if (!isWithin) process.exitCode = 1;
    await broker.stop();
  } finally {
    await broker.kill();
    rmSync(data, { recursive: true });
  }
}

const space = statfsSync(directory);
if (space.bavail * space.bsize < 4 * (messages + arriving) * payload)
  throw new Error(`${directory} has too little space`);
for (const sessionCount of sessions) for (const maxInflight of windows) await run(sessionCount, maxInflight);
