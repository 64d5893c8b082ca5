// The scenarios with mosquitto_sub, mosquitto_pub and mosquitto_rr: for each command, what it printed.
import { Program, run } from '../program.js';
import type { ProgramEnd } from '../program.js';
import type { Report, Reports, Scenario } from './scenarios.js';

/** What JSON as mosquitto_sub writes it has no room for: user properties and identifiers that come several times. */
const FORMAT = ['-F', '%j\t%P\t%S'];
const STORED = ['-c', '-x', '300'];
const property = (...words: string[]): string[] => ['-D', 'publish', ...words];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Printed {
  readonly topic: string;
  readonly payload: unknown;
  readonly qos: number;
  readonly retain: number;
  readonly properties?: Readonly<Record<string, unknown>>;
}

function reported(line: string): Report {
  const [json = '', pairs = '', identifiers = ''] = line.split('\t');
  const { topic, payload, qos, retain, properties = {} } = JSON.parse(json) as Printed;
  const correlationData = properties['correlation-data'] as string | undefined;
  const report = {
    ...{ topic, payload: String(payload), qos, retain: retain === 1 },
    expiry: properties['message-expiry-interval'],
    contentType: properties['content-type'],
    responseTopic: properties['response-topic'],
    isText: properties['payload-format-indicator'] === undefined ? undefined : true,
    correlationData: correlationData === undefined ? undefined : Buffer.from(correlationData).toString('hex'),
    userProperties: pairs === '' ? undefined : pairs.split(' ').map((pair) => pair.split(':')),
    identifiers: identifiers === '' ? undefined : identifiers.split(' ').map(Number),
  };
  return Object.fromEntries(Object.entries(report).filter(([, value]) => value !== undefined));
}

/** The messages that a program printed, without its debug lines. */
const messagesIn = (output: string): Report[] => [...output.matchAll(/^\{.*$/gm)].map(([line]) => reported(line));

export class Mosquitto {
  readonly #at: readonly string[];
  readonly #listening: readonly string[];

  constructor(port: number) {
    this.#at = ['-h', '127.0.0.1', '-p', String(port), '-V', '5', '-d'];
    this.#listening = ['mosquitto_sub', ...this.#at, '-q', '1', ...FORMAT];
  }

  async play(): Promise<Reports> {
    const scenarios: Readonly<Record<Scenario, () => Promise<Report>>> = {
      connack: () => Promise.resolve({ cannot: 'does not print CONNACK' }),
      session: () => this.#session(),
      will: () => this.#will(),
      expiry: () => this.#expiry(),
      aliases: () => this.#aliases(),
      shared: () => this.#shared(),
      request: () => this.#request(),
      properties: () => this.#properties(),
      identifiers: () => this.#identifiers(),
      options: () => this.#options(),
      reasons: () => this.#reasons(),
      scram: () => Promise.resolve({ cannot: 'no AUTH packet' }),
    };
    const reports: Partial<Record<Scenario, Report>> = {};
    for (const [name, scenario] of Object.entries(scenarios)) reports[name as Scenario] = await scenario();
    return reports;
  }

  /** A subscriber that has its SUBACK. */
  async #subscriber(...args: string[]): Promise<Program> {
    const program = new Program('stdbuf', ['-oL', ...this.#listening, ...args]);
    await program.says(/^Subscribed \(mid: 1\)/m);
    return program;
  }

  /** The messages of a subscriber that ends by itself, after `-C` messages or as soon as it is subscribed with `-E`. */
  async #receive(...args: string[]): Promise<Report[]> {
    const { stdout } = await run('stdbuf', ['-oL', ...this.#listening, ...args]);
    return messagesIn(stdout);
  }

  #publish(topic: string, payload: string, ...args: string[]): Promise<ProgramEnd> {
    return run('mosquitto_pub', [...this.#at, '-q', '1', '-t', topic, '-m', payload, ...args]);
  }

  async #session(): Promise<Report> {
    const session = [...STORED, '-i', 'session', '-t', 'session/+', '-q', '2'];
    await this.#receive(...session, '-E');
    await this.#publish('session/1', 'at 1');
    await this.#publish('session/2', 'at 2', '-q', '2');
    const messages = await this.#receive(...session, '-C', '2', '-D', 'disconnect', 'session-expiry-interval', '0');
    await this.#publish('session/3', 'lost with the session');
    const last = await this.#subscriber(...session, '-C', '1');
    await this.#publish('session/4', 'later');
    return { messages, afterItsEnd: messagesIn((await last.end()).stdout) };
  }

  async #will(): Promise<Report> {
    const watcher = await this.#subscriber('-t', 'will/+', '-C', '3');
    const withWill = (name: string, delay: number): Promise<Program> =>
      this.#subscriber(
        ...[...STORED, '-i', `will-${name}`, '-t', 'any', '--will-topic', `will/${name}`, '--will-payload', 'gone'],
        ...['--will-qos', '1', '-D', 'will', 'will-delay-interval', String(delay)],
        ...['-D', 'will', 'content-type', 'text/plain', '-D', 'will', 'user-property', 'of', name],
      );
    const vanish = async (program: Program): Promise<void> => {
      program.kill('SIGKILL');
      await program.end();
    };
    // At SIGTERM, mosquitto_sub sends DISCONNECT with 0x04.
    (await withWill('disconnected', 0)).kill('SIGTERM');
    await watcher.says(/will\/disconnected/);
    // The end of a session publishes a will that waits; this one does not wait any more.
    await vanish(await withWill('cancelled', 300));
    const endsSession = ['-D', 'disconnect', 'session-expiry-interval', '0'];
    await this.#receive(...STORED, '-i', 'will-cancelled', '-t', 'any', ...endsSession, '-E');
    await vanish(await withWill('session-ended', 300));
    await this.#receive('-i', 'will-session-ended', '-t', 'any', '-E');
    await watcher.says(/will\/session-ended/);
    await vanish(await withWill('delayed', 1));
    return { messages: messagesIn((await watcher.end()).stdout) };
  }

  async #expiry(): Promise<Report> {
    const session = [...STORED, '-i', 'expiry', '-t', 'expiry/+'];
    await this.#receive(...session, '-E');
    await this.#publish('expiry/short', 'expires', ...property('message-expiry-interval', '1'));
    await this.#publish('expiry/long', 'stays', ...property('message-expiry-interval', '100'));
    await pause(2000);
    return { messages: await this.#receive(...session, '-C', '1') };
  }

  async #aliases(): Promise<Report> {
    const subscriber = await this.#subscriber('-i', 'aliases-subscriber', '-t', 'alias/+', '-C', '6');
    for (const [topic, lines] of [
      ['alias/0', '0\n2\n4\n'],
      ['alias/1', '1\n3\n5\n'],
    ] as const) {
      const args = ['-i', 'aliases-publisher', '-q', '1', '-t', topic, '-l', ...property('topic-alias', '1')];
      const publisher = new Program('mosquitto_pub', [...this.#at, ...args]);
      publisher.closeInput(lines);
      await publisher.end();
    }
    return { messages: messagesIn((await subscriber.end()).stdout) };
  }

  async #shared(): Promise<Report> {
    const filters = ['-t', '$share/group/shared/+', '-t', 'end'];
    const members = [await this.#subscriber(...filters), await this.#subscriber(...filters)];
    for (let i = 0; i < 10; i++) await this.#publish(`shared/${i}`, String(i));
    await this.#publish('end', 'end');
    await Promise.all(members.map((member) => member.says(/^\{.*"topic":"end"/m)));
    return { members: members.map(({ stdout }) => messagesIn(stdout).filter(({ topic }) => topic !== 'end')) };
  }

  async #request(): Promise<Report> {
    const responder = await this.#subscriber('-t', 'request/+', '-C', '1');
    const requester = run('stdbuf', [
      ...['-oL', 'mosquitto_rr', ...this.#at, '-q', '1', ...FORMAT, '-t', 'request/sum', '-m', '1+2'],
      ...['-e', 'response/requester', ...property('correlation-data', 'sum-1')],
    ]);
    const [request] = messagesIn((await responder.end()).stdout);
    const { responseTopic, correlationData } = request as { responseTopic: string; correlationData: string };
    const correlation = Buffer.from(correlationData, 'hex').toString();
    await this.#publish(responseTopic, '3', ...property('correlation-data', correlation));
    const [response] = messagesIn((await requester).stdout);
    return { request, response };
  }

  async #properties(): Promise<Report> {
    const pairs = [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
      ['größe', ''],
    ].flatMap((pair) => property('user-property', ...pair));
    const properties = [
      ...pairs,
      ...property('content-type', 'text/plain'),
      ...property('payload-format-indicator', '1'),
    ];
    const subscriber = await this.#subscriber('-t', 'properties/live', '-C', '1');
    await this.#publish('properties/live', 'Grüße', ...properties);
    await this.#publish('properties/retained', 'Grüße', '-r', ...properties);
    const live = messagesIn((await subscriber.end()).stdout);
    return { messages: [...live, ...(await this.#receive('-t', 'properties/retained', '-C', '1'))] };
  }

  /** One identifier only: the library ends a connection on which a message has two. */
  async #identifiers(): Promise<Report> {
    const identified = ['-D', 'subscribe', 'subscription-identifier', '200'];
    const subscriber = await this.#subscriber('-t', 'identifiers/#', ...identified, '-C', '1');
    await this.#publish('identifiers/only/one', 'y');
    return { messages: messagesIn((await subscriber.end()).stdout) };
  }

  /** Only Retain As Published: the other options are not among those of the command. */
  async #options(): Promise<Report> {
    const subscriber = await this.#subscriber('-t', 'options/+', '--retain-as-published', '-C', '1');
    await this.#publish('options/after', 'wanted', '-r');
    return { messages: messagesIn((await subscriber.end()).stdout) };
  }

  async #reasons(): Promise<Report> {
    const acknowledged = async (topic: string): Promise<unknown[]> => {
      const { stdout } = await this.#publish(topic, 'x');
      const { stderr } = await this.#publish(topic, 'x', '-q', '2');
      return [Number(/received PUBACK \(Mid: 1, RC:(\d+)\)/.exec(stdout)?.[1]), stderr.trim()];
    };
    const subscriber = await this.#subscriber('-i', 'reasons', '-t', 'forbidden/x', '-t', 'allowed');
    await this.#receive('-i', 'reasons', '-t', 'any', '-E');
    const { stdout } = await subscriber.end();
    return {
      unheard: await acknowledged('unheard'),
      denied: await acknowledged('forbidden/x'),
      subscribed: /^Subscribed \(mid: 1\): (\d+), (\d+)$/m.exec(stdout)?.slice(1).map(Number),
      takenOver: Number(/received DISCONNECT \((\d+)\)/i.exec(stdout)?.[1]),
    };
  }
}
