// Runs the scenarios with MQTT.js in Node: the arguments are the host and the port of the broker.
import mqtt from 'mqtt';
import { run } from './mqtt-js.mjs';

const [, , host, port] = process.argv;
await run(mqtt, `mqtt://${host}:${port}`, (line) => process.stdout.write(`${line}\n`));
