// A browser connected to the built command over WebSocket, with MQTT.js as web pages load it.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { within } from '../clients/within.js';
import { openPage } from './browser.js';
import { ROOT } from './hexmq-command.js';
import { withListeners } from './listeners.js';
import { afterwards } from './program.js';
import { describeWith } from './tools.js';

/** Connects, receives its own QoS 2 message, sends 1 MiB, and reports the outcome. */
const PAGE = (url: string): string => `<!doctype html><title>hexmq</title><script src="/mqtt.js"></script><script>
  const report = (outcome) => fetch('/report', { method: 'POST', body: JSON.stringify(outcome) });
  const client = mqtt.connect(${JSON.stringify(url)}, { protocolVersion: 4, clientId: 'browser', reconnectPeriod: 0 });
  const received = [];
  client.on('error', (error) => report({ error: String(error) }));
  client.on('close', () => report({ error: 'closed' }));
  client.on('message', (topic, payload, { qos }) => {
    received.push([topic, payload.length, qos]);
    if (received.length === 2) report({ received, subprotocol: client.stream.socket?.protocol ?? 'mqtt' });
  });
  client.on('connect', () => {
    client.subscribe('page/#', { qos: 2 }, () => {
      client.publish('page/small', 'hello', { qos: 2 });
      client.publish('page/large', new Uint8Array(1024 * 1024), { qos: 1 });
    });
  });
</script>`;

describeWith(['chromium', 'openssl'], 'a browser', () => {
  test('a browser subscribes and publishes over WebSocket', () =>
    withListeners(async ({ addresses }) => {
      const library = readFileSync(resolve(ROOT, 'node_modules/mqtt/dist/mqtt.min.js'));
      let tell: (outcome: unknown) => void = () => undefined;
      const told = new Promise<unknown>((done) => (tell = done));
      const server = createServer((request, response) => {
        if (request.url === '/mqtt.js') response.end(library);
        else if (request.url === '/')
          response.setHeader('Content-Type', 'text/html').end(PAGE(`ws://${addresses.ws}/mqtt`));
        else {
          let body = '';
          request.on('data', (chunk: Buffer) => (body += chunk.toString()));
          request.on('end', () => {
            response.end();
            if (request.url === '/report') tell(JSON.parse(body));
          });
        }
      });
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      afterwards(() => {
        server.close();
        server.closeAllConnections();
      });
      const { port } = server.address() as AddressInfo;
      const browser = openPage(`http://127.0.0.1:${port}/`);
      const outcome = await within(told, 'the page to report');
      browser.kill('SIGKILL');
      await browser.end();
      expect(outcome).toMatchObject({
        received: expect.arrayContaining([
          ['page/small', 5, 2],
          ['page/large', 1024 * 1024, 1],
        ]),
      });
    }));
});
