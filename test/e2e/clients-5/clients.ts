// The clients that play the scenarios: how each is started, and what its library cannot do.
import { cpSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { within } from '../../clients/within.js';
import { openPage } from '../browser.js';
import { ROOT, temporaryDirectory } from '../hexmq-command.js';
import { afterwards, run } from '../program.js';
import { INSTALLED } from '../tools.js';
import type { Tool } from '../tools.js';
import { WebServer } from '../web-server.js';
import { Mosquitto } from './mosquitto.js';
import { exchange, greetings, message, reportsIn, will } from './scenarios.js';
import type { Report, Reports } from './scenarios.js';

export interface Client5 {
  readonly name: string;
  readonly needs: readonly Tool[];
  readonly transport: 'tcp' | 'ws';
  /** Plays all scenarios at this port of 127.0.0.1. */
  play(port: number): Promise<Reports>;
  /** What its library reports otherwise, or cannot do at all. */
  readonly differs: Reports;
  /** The directions in which its library uses Topic Aliases. */
  readonly aliases: readonly ('client' | 'broker')[];
}

const PATIENCE = { patienceMs: 60_000 };

const here = (path: string): string => resolve(import.meta.dirname, path);

/** Runs a program of the client to its end, and reads its reports. */
async function reportsOf(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Reports> {
  const { status, stdout, stderr } = await run(command, args, { ...PATIENCE, env });
  const reports = reportsIn(stdout);
  if (status !== 0) throw new Error(`${command} ended after ${Object.keys(reports).join(', ')}: ${stderr}`);
  return reports;
}

async function compiled(command: string, args: readonly string[], cwd: string): Promise<void> {
  const { status, stderr } = await run(command, args, { cwd, patienceMs: 300_000 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** MQTT.js groups user properties by name, and has no function that authenticates again. */
const MQTT_JS: Reports = {
  properties: {
    messages: greetings([
      ['b', '1'],
      ['b', '3'],
      ['a', '2'],
      ['größe', ''],
    ]),
  },
  scram: { isTrusted: true, wrong: 0x86 },
};

const host = '127.0.0.1';

const mqttJs: Client5 = {
  name: 'MQTT.js',
  needs: [],
  transport: 'tcp',
  play: (port) => reportsOf(process.execPath, [here('mqtt-js-node.mjs'), host, String(port)]),
  differs: MQTT_JS,
  aliases: ['client', 'broker'],
};

/** The page loads MQTT.js as web pages do, and posts each report. */
const PAGE = (url: string): string => `<!doctype html><title>hexmq</title><script src="/mqtt.js"></script>
<script type="module">
  import { run } from '/mqtt-js.mjs';
  const post = (path, body) => fetch(path, { method: 'POST', body });
  run(mqtt, ${JSON.stringify(url)}, (line) => post('/report', line)).then(
    () => post('/end', ''),
    (error) => post('/end', String(error)),
  );
</script>`;

const browser: Client5 = {
  ...mqttJs,
  name: 'MQTT.js in a browser',
  needs: ['chromium'],
  transport: 'ws',
  play: async (port) => {
    const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
      '/': ['text/html', PAGE(`ws://${host}:${port}/mqtt`)],
      '/mqtt.js': ['text/javascript', readFileSync(join(ROOT, 'node_modules/mqtt/dist/mqtt.min.js'), 'utf8')],
      '/mqtt-js.mjs': ['text/javascript', readFileSync(here('mqtt-js.mjs'), 'utf8')],
    };
    const server = await new WebServer().listen();
    afterwards(() => void server.close());
    const ended = new Promise<string>((done) => {
      server.answer = (response, { path, body }) => {
        const [type = 'text/plain', content = ''] = files[path] ?? [];
        response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(content);
        if (path === '/end') done(body);
      };
    });
    const page = openPage(server.url);
    const error = await within(ended, 'the page to play all scenarios', PATIENCE.patienceMs);
    page.kill('SIGKILL');
    await page.end();
    if (error !== '') throw new Error(`the page ended with ${error}`);
    const lines = server.requests.filter(({ path }) => path === '/report').map(({ body }) => body);
    return reportsIn(lines.join('\n'));
  },
};

const mosquitto: Client5 = {
  name: 'mosquitto_sub, mosquitto_pub and mosquitto_rr',
  needs: ['mosquitto'],
  transport: 'tcp',
  play: (port) => new Mosquitto(port).play(),
  differs: {
    connack: { cannot: 'does not print CONNACK' },
    session: {
      messages: [message('session/1', 'at 1'), message('session/2', 'at 2', { qos: 2 })],
      afterItsEnd: [message('session/4', 'later')],
    },
    aliases: {
      messages: ['0', '2', '4', '1', '3', '5'].map((text) => message(`alias/${Number(text) % 2}`, text)),
    },
    // Arguments of a command have no octet 0.
    request: exchange(Buffer.from('sum-1').toString('hex')),
    // Its library refuses a message with several.
    identifiers: { messages: [message('identifiers/only/one', 'y', { identifiers: [200] })] },
    reasons: {
      unheard: [0x10, ''],
      denied: [0x87, 'Warning: Publish 1 failed: Not authorized.'],
      subscribed: [0x87, 1],
      takenOver: 0x8e,
    },
    scram: { cannot: 'no AUTH packet' },
  },
  aliases: ['client'],
};

const pahoPython: Client5 = {
  name: 'Paho for Python',
  needs: ['paho_python'],
  transport: 'tcp',
  play: (port) => {
    const env = { PYTHONPATH: INSTALLED.python, PYTHONDONTWRITEBYTECODE: '1' };
    return reportsOf('python3', [here('python/scenarios.py'), host, String(port)], env);
  },
  differs: {
    // It ignores the Reason Code of PUBREC and sends PUBREL, for which a refused message is unknown.
    reasons: reasonsInPubcomp(0x92),
    scram: { cannot: 'no AUTH packet' },
  },
  aliases: ['client', 'broker'],
};

const hivemq: Client5 = {
  name: 'HiveMQ MQTT Client',
  needs: ['hivemq'],
  transport: 'tcp',
  play: async (port) => {
    const classes = temporaryDirectory();
    const path = join(INSTALLED.java, '*');
    const sources = ['Scenarios', 'Peer', 'Scram'].map((name) => here(`java/${name}.java`));
    await compiled('javac', ['-nowarn', '-cp', path, '-d', classes, ...sources], classes);
    return reportsOf('java', ['-Dfile.encoding=UTF-8', '-cp', `${classes}:${path}`, 'Scenarios', host, String(port)]);
  },
  differs: { identifiers: { cannot: 'no Subscription Identifiers' } },
  aliases: ['client', 'broker'],
};

const pahoGo: Client5 = {
  name: 'Paho for Go',
  needs: ['paho_go'],
  transport: 'tcp',
  play: async (port) => {
    const directory = temporaryDirectory();
    cpSync(here('go'), directory, { recursive: true });
    await compiled(INSTALLED.go, ['build', '-o', 'scenarios', '.'], directory);
    return reportsOf(join(directory, 'scenarios'), [host, String(port)]);
  },
  differs: {
    // It sends only what CONNECT itself may have of the properties of a will.
    will: { messages: ['disconnected', 'session-ended', 'delayed'].map((name) => will(name, {})) },
    // It keeps the last identifier only.
    identifiers: {
      messages: [
        message('identifiers/both', 'x', { identifiers: [200] }),
        message('identifiers/only/one', 'y', { identifiers: [7] }),
      ],
    },
    reasons: reasonsInPubcomp(0x87),
  },
  aliases: ['client', 'broker'],
};

/** At QoS 2, the code of a client that reports the one of PUBCOMP. */
function reasonsInPubcomp(denied: number): Report {
  return {
    unheard: [0x10, 0],
    denied: [0x87, denied],
    subscribed: [0x87, 1],
    unsubscribed: [0, 0x11],
    takenOver: 0x8e,
  };
}

export const CLIENTS: readonly Client5[] = [mqttJs, browser, mosquitto, pahoPython, hivemq, pahoGo];
