// A client that sends a ping every 50 ms and keeps how long each answer took: a process of its own, so that nothing but
// the broker makes it wait. `node probe.mjs PORT`; it writes "ready" when it is connected, and the times in
// milliseconds as one line of JSON when its standard input ends.
import { connect } from 'node:net';
import mqttPacket from 'mqtt-packet';

const INTERVAL_MS = 50;
const PING = mqttPacket.generate({ cmd: 'pingreq' });

const times = [];
let sentAt = 0;
const socket = connect({ host: '127.0.0.1', port: Number(process.argv[2]), noDelay: true });
socket.write(mqttPacket.generate({ cmd: 'connect', clientId: 'probe', keepalive: 0, clean: true }));

const ping = () => {
  sentAt = performance.now();
  socket.write(PING);
};

let isConnected = false;
socket.on('data', () => {
  if (isConnected) times.push(performance.now() - sentAt);
  else process.stdout.write('ready\n');
  isConnected = true;
  setTimeout(ping, INTERVAL_MS);
});

process.stdin.resume().on('end', () => {
  // A ping that is not answered has waited until now.
  if (performance.now() - sentAt > INTERVAL_MS * 2) times.push(performance.now() - sentAt);
  process.stdout.write(`${JSON.stringify(times)}\n`, () => process.exit(0));
});
