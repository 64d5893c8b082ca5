// Attacks with names, retained messages and what is remembered of clients.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterwards } from '../program.js';
import { connected } from '../raw-socket.js';
import { WebServer } from '../web-server.js';
import { MIB, deafSocket, flood, numbered, sent, times, tried } from './attack.js';
import type { Attack } from './attack.js';

const FULL = 0x80;
const LONG = 'y'.repeat(14_000);
const deep = (first: string): string => [first, ...Array.from({ length: 255 }, () => 'x')].join('/');

/** Sessions with long names and large wills. */
export const sessions: Attack = {
  config: { limits: { maxSessionBytes: 16 * MIB } },
  growthMax: 110,
  unbounded: 2400 * 0.1,
  logs: /"event":"connection-refused",.*"reason":"session-bytes-full"/,
  run: (target) => {
    const will = { topic: `w/${LONG}`, payload: Buffer.alloc(50_000) };
    const [stored, clean] = [false, true].map((isClean) =>
      numbered({ clientId: `000000${LONG}`, clean: isClean, will }),
    ) as [ReturnType<typeof numbered>, ReturnType<typeof numbered>];
    return times(2400, (i) => tried(target, (i % 2 === 0 ? stored : clean)(i)));
  },
};

const ROLE = { roles: { all: [{ allow: 'publish', topics: '#' }] }, everyone: ['all'] };

/** Authorizers may have to decide again about clients that are connected, with their user names. */
export const userNames: Attack = {
  config: {
    authorization: [{ adapter: 'rules', options: ROLE }],
    limits: { maxSessionBytes: 16 * MIB },
  },
  growthMax: 100,
  unbounded: 4000 / 16,
  logs: /"event":"connection-refused",.*"reason":"session-bytes-full"/,
  run: (target) => {
    const packets = numbered({ clientId: 'c000000', userName: '000000'.padEnd(65_000, 'u') });
    return times(4000, (i) => tried(target, packets(i)));
  },
};

/** Deep filters, and shared ones with long names. */
export const subscriptions: Attack = {
  config: { limits: { maxSubscriptionBytes: 24 * MIB, maxSubscriptionBytesPerClient: 12 * MIB } },
  growthMax: 120,
  unbounded: 2000,
  logs: /"event":"subscribe-denied",.*bytes of memory/,
  run: async (target) => {
    for (let k = 0; k < 6; k++) {
      const client = await connected(target, { clientId: `c${k}`, clean: false });
      for (let i = 0; i < 8000; i += 500) {
        const filters = Array.from({ length: 500 }, (_, j) =>
          (i + j) % 4 === 0 ? `$share/${'g'.repeat(1000)}${k}.${i + j}/t` : deep(`${k}.${i + j}`),
        );
        const codes = await client.subscribe(...filters.map((filter) => [filter, 1] as const));
        if (codes.every((code) => code === FULL)) break;
      }
    }
  },
};

export const retainedTopics: Attack = {
  config: { limits: { maxRetainedTopicBytes: 16 * MIB } },
  growthMax: 110,
  unbounded: 1500,
  logs: /"event":"message-dropped","reason":"retained-bytes-full"/,
  run: (target) => flood(target, 25_000, (i) => ({ topic: deep(String(i)), payload: 'x', retain: true }), 200),
};

export const retainedPayloads: Attack = {
  config: { limits: { maxRetainedBytes: 16 * MIB } },
  growthMax: 110,
  unbounded: 400,
  logs: /"event":"message-dropped","reason":"retained-payloads-full"/,
  run: (target) => flood(target, 4000, (i) => ({ topic: `r/${i}`, payload: Buffer.alloc(100_000), retain: true }), 10),
};

/** Logins of ever new users with long names, from ever new addresses: too many from one address would wait. */
export const failedLogins: Attack = {
  config: { authentication: [{ adapter: 'jwt', options: { algorithms: ['HS256'], secret: 'x'.repeat(32) } }] },
  hasNoUser: true,
  growthMax: 100,
  unbounded: 4500 * 0.065,
  logs: /"event":"connection-refused"/,
  run: (target) => {
    const packets = numbered({ clientId: 'c', userName: '000000'.padEnd(65_000, 'u'), password: 'a.b.c' });
    return times(4500, async (i) => {
      (await tried(target, packets(i), `127.0.${1 + (i >> 7)}.${1 + (i & 0x7f)}`)).destroy();
    });
  },
};

/** The same names with a service that answers, and its answers are remembered. */
export const cachedAnswers: Attack = {
  config: async () => {
    const server = await new WebServer().listen();
    afterwards(() => void server.close());
    server.answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"result":"allow"}');
      server.requests.length = 0;
    };
    return { authentication: [{ adapter: 'http', options: { url: server.url, cacheTtlMs: 60_000 } }] };
  },
  growthMax: 75,
  unbounded: 2400 * 0.065,
  run: (target) => {
    const packets = numbered({ clientId: 'c', userName: '000000'.padEnd(65_000, 'u'), password: 'x' });
    return times(2400, async (i) => {
      (await tried(target, packets(i))).destroy();
    });
  },
};

/** Messages on ever new topics: who gets them, and whether they are allowed, is remembered. */
export const topics: Attack = {
  config: { authorization: [{ adapter: 'rules', options: ROLE }] },
  growthMax: 80,
  unbounded: 12_000 / 64,
  run: async (target) => {
    const subscriber = await connected(target, { clientId: 'all' });
    await subscriber.subscribe(['+/0', 0]);
    await flood(target, 12_000, (i) => ({ topic: `${String(i).padEnd(16_000, 't')}/1` }), 20);
  },
};

/** A log that is not read. */
export const unreadLog: Attack = {
  growthMax: 100,
  unbounded: 7500 * 0.028,
  stderr: 'unread',
  run: (target) => {
    const packets = numbered({ clientId: `000000${LONG}` });
    return times(7500, async (i) => {
      (await tried(target, packets(i))).destroy();
    });
  },
};

/** An authenticator that takes its time and heeds no cancellation, but for clients without a password. */
const HEEDLESS = `
export const createAuthenticator = () => ({
  name: 'heedless',
  authenticate: (request) =>
    request.password === undefined
      ? { decision: 'allow' }
      : new Promise((resolve) => setTimeout(() => resolve({ decision: request.password ? 'deny' : 'allow' }), 120_000)),
});
`;

/** Clients that log in and leave before they have an answer, over and over. */
export const leavingClients: Attack = {
  config: (workingDirectory) => {
    const directory = join(workingDirectory, 'node_modules', 'heedless');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{"name":"heedless","type":"module","exports":"./index.js"}');
    writeFileSync(join(directory, 'index.js'), HEEDLESS);
    return { authentication: [{ adapter: 'heedless', timeoutMs: 120_000 }], limits: { authTimeoutMs: 120_000 } };
  },
  growthMax: 110,
  unbounded: 5000 * 0.066,
  run: async (target) => {
    const packets = numbered({ clientId: 'c000000', userName: 'u', password: Buffer.alloc(65_000, 'x') });
    await times(5000, async (i) => {
      const socket = await deafSocket(target);
      await sent(socket, packets(i));
      socket.destroy();
    });
  },
};
