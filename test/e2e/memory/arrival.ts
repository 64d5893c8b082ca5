// Attacks with what arrives: packets and handshakes that do not end, connections that are not read.
import { once } from 'node:events';
import { connect, publish } from '../../clients/raw-packets.js';
import { within } from '../../clients/within.js';
import { CertificateAuthority } from '../certificates.js';
import { afterwards } from '../program.js';
import { connected } from '../raw-socket.js';
import { WebServer } from '../web-server.js';
import { MIB, deafSocket, deafSubscriber, numbered, roundTrip, sent, times, tried } from './attack.js';
import type { Attack } from './attack.js';
import { fragment, UPGRADE } from '../partial-websocket.js';

const WS = { type: 'ws', port: 0 };
const TCP = { type: 'tcp', port: 0 };

const HUGE = 200 * MIB;

/** The beginning of a message that would be huge. */
const begun = (bytes: number): Uint8Array => {
  const whole = publish({ topic: 't', payload: Buffer.alloc(HUGE / 100) });
  const header = Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x64);
  return Buffer.concat([header, whole.subarray(5, bytes)]);
};

export const announcedPackets: Attack = {
  growthMax: 160,
  unbounded: 300 * 200,
  run: async (target) => {
    const part = begun(64 * 1024);
    await times(300, async (i) => {
      const client = await connected(target, { clientId: `announcing ${i}` });
      await client.write(part);
    });
  },
};

export const partialPackets: Attack = {
  config: { limits: { maxIncompleteBytes: 16 * MIB } },
  growthMax: 150,
  unbounded: 500,
  logs: /"event":"connection-ended",.*"reason":"incomplete-packets"/,
  run: async (target) => {
    const payload = Buffer.alloc(MIB);
    await times(
      60,
      async (i) => {
        const socket = await deafSocket(target);
        await sent(socket, connect({ clientId: `slow ${i}` }), begun(1000));
        for (let part = 0; part < 8; part++) await sent(socket, payload);
      },
      4,
    );
  },
};

const JSON_TYPE = { 'content-type': 'application/json' };

export const partialWebSocketMessages: Attack = {
  config: { listeners: [WS, TCP], limits: { maxIncompleteBytes: 16 * MIB } },
  growthMax: 150,
  unbounded: 320,
  logs: /"event":"connection-ended",.*"reason":"incomplete-packets"/,
  run: async (target) => {
    const piece = fragment(Buffer.alloc(65_535), false);
    await times(
      8,
      async (i) => {
        const socket = await deafSocket(target);
        await sent(socket, Buffer.from(UPGRADE));
        await within(once(socket, 'readable'), 'the upgrade');
        await sent(socket, fragment(Buffer.concat([connect({ clientId: `c${i}` }), begun(100)]), true));
        for (let bytes = 0; bytes < 40 * MIB && !socket.destroyed; bytes += piece.length) await sent(socket, piece);
      },
      2,
    );
  },
};

/** Messages in fragments of one byte, before CONNECT. */
const tinyFragments = Buffer.concat(
  Array.from({ length: 90_000 }, (_, i) => Buffer.from([i === 0 ? 2 : 0, 0x81, 0, 0, 0, 0, 0x10])),
);

export const handshakes: Attack = {
  config: { listeners: [WS, TCP], limits: { maxPendingConnections: 200 } },
  growthMax: 100,
  unbounded: 250,
  logs: /"reason":"too-many-pending-connections"/,
  run: async (target) => {
    // The library reads 16 KiB of a request; some of the connections have been upgraded and go on as slowly.
    const request = Buffer.from(`${UPGRADE.slice(0, -4)}\r\nX: ${'x'.repeat(60_000)}`);
    await times(4000, async (i) => {
      const socket = await deafSocket(target);
      await sent(
        socket,
        i % 10 === 0 ? Buffer.concat([Buffer.from(UPGRADE), tinyFragments.subarray(0, 60_000)]) : request,
      );
    });
  },
};

/** The first bytes of a ClientHello that would have 131,000: OpenSSL makes room for all of it. */
const BEGUN_HELLO = Buffer.from([22, 3, 1, 0, 20, 1, 1, 0xff, 0xb8, 3, 3, ...new Uint8Array(14)]);

export const tlsHandshakes: Attack = {
  config: () => {
    const authority = new CertificateAuthority();
    afterwards(() => {
      authority.remove();
    });
    const { cert, key } = authority.issue('server');
    return { listeners: [{ type: 'tls', port: 0, tls: { cert, key } }, TCP], limits: { maxIncompleteBytes: 16 * MIB } };
  },
  growthMax: 100,
  unbounded: 1500 * 0.166,
  logs: /"event":"handshake-failed",.*"reason":"incomplete-handshakes"/,
  run: async (target) => {
    await times(1500, async () => {
      await sent(await deafSocket(target), BEGUN_HELLO);
    });
    await roundTrip({ ...target, ...target.plain });
  },
};

/** Clients that publish faster than they may are not read. */
export const unread: Attack = {
  config: { limits: { maxUnreadBytes: 16 * MIB, maxPublishRate: 1 } },
  growthMax: 130,
  unbounded: 1500 * 0.19,
  logs: /"event":"connection-ended",.*"reason":"unread-packets"/,
  run: async (target) => {
    const packets = Buffer.concat(Array.from({ length: 400 }, () => publish({ topic: 't', payload: 'x'.repeat(600) })));
    await times(1500, async (i) => {
      await sent(await tried(target, connect({ clientId: `fast ${i}` })), packets);
    });
    await target.program.logs(/"reason":"unread-packets"/);
  },
};

/** CONNECTs as large as they may be, which an authenticator does not answer. */
export const awaitedConnects: Attack = {
  config: async () => {
    const server = await new WebServer().listen();
    afterwards(() => void server.close());
    server.answer = (response, { body }) => {
      if (body.length < 1000) response.writeHead(200, JSON_TYPE).end('{"result":"allow"}');
    };
    const options = { url: server.url, maxConcurrent: 1000, maxWaiting: 10_000 };
    return {
      authentication: [{ adapter: 'http', options, timeoutMs: 60_000 }],
      limits: { maxUnreadBytes: 16 * MIB, authTimeoutMs: 60_000 },
    };
  },
  growthMax: 300,
  unbounded: 760,
  logs: /"event":"connection-ended",.*"reason":"unread-packets"/,
  run: async (target) => {
    const will = { topic: 'will', payload: Buffer.alloc(30_000) };
    const packets = numbered({ clientId: 'c000000', userName: 'u', password: Buffer.alloc(65_000, 'x'), will });
    await times(8000, async (i) => {
      await sent(await deafSocket(target), packets(i));
    });
  },
};

/** Many connections at once that say nothing. */
export const silentConnections: Attack = {
  config: { limits: { maxPendingConnections: 100 } },
  growthMax: 70,
  unbounded: 4000 * 0.04,
  logs: /"reason":"too-many-pending-connections"/,
  run: async (target) => {
    const part = connect({ clientId: 'x'.repeat(40_000) }).subarray(0, 39_000);
    await times(4000, async () => {
      await sent(await deafSocket(target), part);
    });
  },
};

/** Publishers that wait because a queue is full, each with a large message. */
export const waitingPublishers: Attack = {
  config: { limits: { queueFullPolicy: 'refuse', maxQueueSize: 1, fullQueueTimeoutMs: 60_000 } },
  growthMax: 190,
  unbounded: 500,
  run: async (target) => {
    await deafSubscriber(target, { clientId: 'away', clean: false }, 't', 1).then(({ wire }) => {
      wire.destroy();
    });
    const payload = Buffer.alloc(MIB);
    await times(250, async (i) => {
      const socket = await deafSocket(target);
      const message = publish({ topic: 't', payload, qos: 1, packetId: 1 });
      void sent(socket, connect({ clientId: `p${i}` }), message, message);
      await roundTrip(target);
    });
    for (let i = 0; i < 20; i++) await roundTrip(target);
  },
};
