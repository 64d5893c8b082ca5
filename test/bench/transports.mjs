// Messages per second through each kind of listener, of hexmq and of Mosquitto side by side: ten publishers, each with
// a subscriber of its own, QoS 0, a window of 100 messages of 64 bytes. Run with `npm run bench:transports`; it needs
// mosquitto and openssl.
//
// The clients are load generators in this process that do as little as possible: they encode each packet once, and
// count the bytes they receive instead of parsing them. Over WebSocket each packet they send is a frame of its own.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import tls from 'node:tls';
import { generate } from 'mqtt-packet';

const MAIN = resolve(import.meta.dirname, '../../dist/src/cli/main.js');
const TYPES = ['tcp', 'tls', 'ws', 'wss'];
const PAIRS = 10;
const WINDOW = 100;
const WARM_UP_MS = 3000;
const MEASURE_MS = 5000;
const ROUNDS = Number(process.argv[2] ?? 3);

const directory = mkdtempSync(join(tmpdir(), 'hexmq-transports-'));
const openssl = (...args) => {
  const { status, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
};

const freePort = () =>
  new Promise((done) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

/** A WebSocket frame of a client, masked with zeros. */
const frame = (payload) => Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload]);

/** Counts the bytes of payload in the frames of a server, which arrive in chunks of any size. */
function payloadCounter() {
  let header = Buffer.alloc(0);
  let left = 0;
  return (chunk) => {
    let count = 0;
    let at = 0;
    while (at < chunk.length) {
      if (left > 0) {
        const taken = Math.min(left, chunk.length - at);
        left -= taken;
        at += taken;
        count += taken;
        continue;
      }
      header = Buffer.concat([header, chunk.subarray(at, at + 1)]);
      at++;
      if (header.length < 2) continue;
      const short = header[1] & 0x7f;
      const needed = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (header.length < needed) continue;
      left = short < 126 ? short : short === 126 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
      header = Buffer.alloc(0);
    }
    return count;
  };
}

async function connect(type, port, ca, clientId, onBytes) {
  const isSecure = type === 'tls' || type === 'wss';
  const isWebSocket = type === 'ws' || type === 'wss';
  const socket = isSecure
    ? tls.connect({ port, host: '127.0.0.1', ca, servername: 'localhost' })
    : net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await new Promise((done, failed) => socket.once(isSecure ? 'secureConnect' : 'connect', done).once('error', failed));
  if (isWebSocket) {
    socket.write(
      'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n',
    );
    let answer = '';
    while (!answer.includes('\r\n\r\n'))
      answer += (await new Promise((done) => socket.once('data', done))).toString('latin1');
    if (!answer.startsWith('HTTP/1.1 101')) throw new Error(answer);
  }
  const wrap = isWebSocket ? frame : (bytes) => bytes;
  const count = isWebSocket ? payloadCounter() : (chunk) => chunk.length;
  let waiting;
  let expected = 4;
  let bytes = 0;
  socket.on('data', (chunk) => {
    const more = count(chunk);
    if (waiting === undefined) {
      onBytes?.(more);
      return;
    }
    bytes += more;
    if (bytes < expected) return;
    bytes = 0;
    const done = waiting;
    waiting = undefined;
    done();
  });
  const ask = (request, answerBytes) =>
    new Promise((done) => {
      expected = answerBytes;
      waiting = done;
      socket.write(wrap(request));
    });
  await ask(generate({ cmd: 'connect', protocolVersion: 4, clean: true, keepalive: 0, clientId }), 4);
  return { socket, wrap, ask };
}

async function measure(type, port, ca) {
  let received = 0;
  const sockets = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const topic = `pair/${pair}`;
    const message = generate({ cmd: 'publish', qos: 0, topic, payload: Buffer.alloc(64, 'x') });
    const publisher = await connect(type, port, ca, `p${pair}`);
    const half = Buffer.concat(Array.from({ length: WINDOW / 2 }, () => publisher.wrap(message)));
    let bytes = 0;
    const subscriber = await connect(type, port, ca, `s${pair}`, (more) => {
      received += more / message.length;
      bytes += more;
      while (bytes >= (message.length * WINDOW) / 2) {
        bytes -= (message.length * WINDOW) / 2;
        publisher.socket.write(half);
      }
    });
    const subscriptions = [{ topic, qos: 0 }];
    await subscriber.ask(generate({ cmd: 'subscribe', messageId: 1, subscriptions }), 5);
    publisher.socket.write(half);
    publisher.socket.write(half);
    sockets.push(publisher.socket, subscriber.socket);
  }
  await new Promise((done) => setTimeout(done, WARM_UP_MS));
  const before = received;
  const began = process.hrtime.bigint();
  await new Promise((done) => setTimeout(done, MEASURE_MS));
  const rate = (received - before) / (Number(process.hrtime.bigint() - began) / 1e9);
  for (const socket of sockets) socket.destroy();
  return rate;
}

async function withBroker(command, args, port, body) {
  const child = spawn(command, args, { cwd: directory, stdio: 'ignore' });
  try {
    for (let tries = 0; ; tries++) {
      const isThere = await new Promise((done) => {
        const socket = net.connect(port, '127.0.0.1', () => {
          socket.destroy();
          done(true);
        });
        socket.on('error', () => done(false));
      });
      if (isThere) break;
      if (tries > 200 || child.exitCode !== null) throw new Error(`${command} does not listen`);
      await new Promise((done) => setTimeout(done, 100));
    }
    return await body();
  } finally {
    const gone = new Promise((done) => (child.exitCode === null ? child.once('exit', done) : done()));
    child.kill('SIGTERM');
    await gone;
  }
}

const isSecure = (type) => type === 'tls' || type === 'wss';

const BROKERS = {
  hexmq: async (type, port) => {
    const listener = { type, port, ...(isSecure(type) ? { tls: { cert: 'server.crt', key: 'server.key' } } : {}) };
    writeFileSync(
      join(directory, 'hexmq.json'),
      JSON.stringify({ listeners: [listener], storage: { adapter: 'memory' }, logging: { level: 'error' } }),
    );
    return [process.execPath, [MAIN, 'start', '--config', 'hexmq.json']];
  },
  mosquitto: async (type, port) => {
    const lines = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'max_queued_messages 0',
      'max_inflight_messages 0',
      'set_tcp_nodelay true',
    ];
    if (type === 'ws' || type === 'wss') lines.push('protocol websockets');
    if (isSecure(type))
      lines.push(`certfile ${join(directory, 'server.crt')}`, `keyfile ${join(directory, 'server.key')}`);
    // With WebSocket listeners alone, this version of Mosquitto claims to have no listener.
    lines.push(`listener ${await freePort()} 127.0.0.1`, 'user root');
    writeFileSync(join(directory, 'mosquitto.conf'), `${lines.join('\n')}\n`);
    return ['mosquitto', ['-c', 'mosquitto.conf']];
  },
};

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

openssl(
  'req',
  '-x509',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  'server.key',
  '-out',
  'server.crt',
  '-days',
  '2',
  '-subj',
  '/CN=localhost',
  '-addext',
  'subjectAltName=DNS:localhost',
);
const ca = readFileSync(join(directory, 'server.crt'));
const rates = Object.fromEntries(
  TYPES.map((type) => [type, Object.fromEntries(Object.keys(BROKERS).map((name) => [name, []]))]),
);
for (let round = 0; round < ROUNDS; round++) {
  for (const type of TYPES) {
    for (const [name, prepare] of Object.entries(BROKERS)) {
      const port = await freePort();
      const [command, args] = await prepare(type, port);
      rates[type][name].push(await withBroker(command, args, port, () => measure(type, port, ca)));
    }
  }
}
rmSync(directory, { recursive: true });
const plain = median(rates.tcp.hexmq);
console.log('| listener | hexmq | Mosquitto | to Mosquitto | to plain TCP |\n|---|---|---|---|---|');
for (const type of TYPES) {
  const ours = median(rates[type].hexmq);
  const theirs = median(rates[type].mosquitto);
  const figure = (rate) => Math.round(rate).toLocaleString('en-US');
  console.log(
    `| ${type} | ${figure(ours)} msg/s | ${figure(theirs)} | **${(ours / theirs).toFixed(1)}** | ${(ours / plain).toFixed(2)} |`,
  );
}
