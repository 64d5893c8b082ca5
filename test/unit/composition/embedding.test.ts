// A broker in the process of another program: messages that come and go without a connection.
import { afterEach, expect, test } from '@jest/globals';
import { createBroker } from 'hexmq';
import type { Broker, Overrides } from 'hexmq';
import type { BrokerEvent, EventListener, LifecycleEvent, OutgoingMessage, ReceivedMessage } from 'hexmq/ports';

const running: Broker[] = [];

afterEach(async () => {
  for (const broker of running.splice(0)) await broker.stop();
});

async function started(overrides: Overrides = {}): Promise<Broker> {
  const broker = createBroker({ storage: { adapter: 'memory' } }, { listeners: [], telemetry: [], ...overrides });
  running.push(broker);
  await broker.start();
  return broker;
}

/** Messages as they come, for tests that wait for the next one. */
class Inbox {
  readonly #waiting: ((message: ReceivedMessage) => void)[] = [];
  readonly #messages: ReceivedMessage[] = [];

  readonly receive = (message: ReceivedMessage): void => {
    const next = this.#waiting.shift();
    if (next === undefined) this.#messages.push(message);
    else next(message);
  };

  next(): Promise<ReceivedMessage> {
    const message = this.#messages.shift();
    return message === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(message);
  }
}

/** Causes the event `operator-command`. */
async function command(broker: Broker, clientId: string): Promise<void> {
  const done = broker.administration.call('disconnect', { clientId }, { name: 'test', role: 'write' });
  await expect(done).rejects.toThrow('is not connected');
}

const text = ({ payload }: ReceivedMessage): string => Buffer.from(payload).toString();

test('a message of the program arrives at its own subscription, with all that it carries', async () => {
  const broker = await started();
  const inbox = new Inbox();
  await broker.subscribe('plant/+', inbox.receive);
  const properties = {
    contentType: 'text/plain',
    responseTopic: 'answers',
    correlationData: new Uint8Array([1, 2]),
    messageExpiryInterval: 60,
    userProperties: { unit: 'C' },
  };
  const result = await broker.publish({ topic: 'plant/7', payload: 'warm', qos: 2, properties });
  expect(result).toEqual({ matched: 1, accepted: 1 });
  const message = await inbox.next();
  expect(message).toMatchObject({ topic: 'plant/7', qos: 2, retain: false, isRetained: false, publisher: undefined });
  expect(text(message)).toBe('warm');
  expect(message.properties).toMatchObject({ contentType: 'text/plain', responseTopic: 'answers' });
  expect([...(message.properties?.userProperties ?? [])]).toEqual([['unit', 'C']]);
});

test('retained messages come first, unless the subscription does not want them', async () => {
  const broker = await started();
  await broker.publish({ topic: 'state', payload: 'on', retain: true });
  const [all, later] = [new Inbox(), new Inbox()];
  await broker.subscribe(['state', '#'], all.receive);
  await broker.subscribe('state', later.receive, { retained: false });
  expect(await all.next()).toMatchObject({ isRetained: true, retain: true });
  await broker.publish({ topic: 'state', payload: 'off', retain: true });
  expect(text(await all.next())).toBe('off');
  expect(text(await later.next())).toBe('off');
});

test('a handler may publish, and a failure of it is reported without harm to the next message', async () => {
  const events: (BrokerEvent | LifecycleEvent)[] = [];
  const broker = await started({ telemetry: [{ emit: (event) => events.push(event) }] });
  const inbox = new Inbox();
  await broker.subscribe('answer', inbox.receive);
  await broker.subscribe(
    'question',
    async (message) => {
      if (text(message) === 'bad') throw new Error('no answer');
      await broker.publish({ topic: 'answer', payload: text(message) });
    },
    { name: 'answers' },
  );
  await broker.publish({ topic: 'question', payload: 'bad' });
  await broker.publish({ topic: 'question', payload: 'good' });
  expect(text(await inbox.next())).toBe('good');
  const failures = events.filter(({ kind }) => kind === 'subscriber-failed');
  expect(failures).toMatchObject([{ subscriber: 'answers', topic: 'question', error: 'no answer', failures: 1 }]);
  expect(events.filter(({ kind }) => kind === 'operator-command')).toEqual([]);
});

test('messages beyond the bound are dropped and counted', async () => {
  const events: (BrokerEvent | LifecycleEvent)[] = [];
  const broker = await started({ telemetry: [{ emit: (event) => events.push(event) }] });
  const subscription = await broker.subscribe('t', () => new Promise(() => undefined), { name: 's', maxWaiting: 1 });
  for (let i = 0; i < 4; i++) await broker.publish({ topic: 't', payload: `${i}` });
  const { waiting, dropped } = subscription;
  expect(waiting + dropped).toBeLessThanOrEqual(4);
  expect(dropped).toBeGreaterThanOrEqual(2);
  expect(events.find(({ kind }) => kind === 'subscriber-overflow')).toMatchObject({ subscriber: 's', dropped: 1 });
});

test('a subscription that was ended gets nothing more', async () => {
  const broker = await started();
  const subscription = await broker.subscribe('t', () => undefined);
  await subscription.end();
  await subscription.end();
  expect(await broker.publish({ topic: 't' })).toEqual({ matched: 0, accepted: 0 });
});

const WRONG: readonly (readonly [unknown, RegExp])[] = [
  [undefined, /^message: an object is expected, got undefined$/],
  [{}, /^message\.topic: a text is expected, got undefined$/],
  [{ topic: 'a/#' }, /^message\.topic: a Topic Name has no wildcards, got "a\/#"$/],
  [{ topic: 'a', payload: 7 }, /^message\.payload: a text or a Uint8Array is expected, got number$/],
  [{ topic: 'a', qos: 3 }, /^message\.qos: an integer from 0 to 2 is expected, got 3$/],
  [{ topic: 'a', retain: 'yes' }, /^message\.retain: a boolean is expected, got string$/],
  [{ topic: 'a', qps: 1 }, /^message\.qps: expected one of topic, payload, qos, retain, properties$/],
  [{ topic: 'a', properties: { contentType: 1 } }, /^message\.properties\.contentType: a text is expected/],
  [{ topic: 'a', properties: { responseTopic: '+' } }, /^message\.properties\.responseTopic: a Topic Name/],
  [{ topic: 'a', properties: { userProperties: [['a']] } }, /^message\.properties\.userProperties: \[name, value\]/],
  [{ topic: 'a', payload: new Uint8Array([255]), properties: { payloadFormatIndicator: 1 } }, /^message\.payload: UTF/],
];

test.each(WRONG)('what is wrong with the message %j is said by the name of the field', async (message, expected) => {
  const broker = await started();
  await expect(broker.publish(message as OutgoingMessage)).rejects.toThrow(expected);
});

test('what is wrong with a subscription is said by the name of the argument', async () => {
  const broker = await started();
  const nothing = (): void => undefined;
  await expect(broker.subscribe([], nothing)).rejects.toThrow('topicFilters: at least one is expected');
  await expect(broker.subscribe(['a', 1 as never], nothing)).rejects.toThrow('topicFilters[1]: a text is expected');
  await expect(broker.subscribe('$share/g/t', nothing)).rejects.toThrow(
    'topicFilters: "$share/g/t": an in-process subscription cannot be shared',
  );
  await expect(broker.subscribe('a', undefined as never)).rejects.toThrow('receive: a function is expected');
  await expect(broker.subscribe('a', nothing, { maxWaiting: 0 })).rejects.toThrow('options.maxWaiting: an integer');
  await expect(broker.subscribe('a', nothing, { retain: true } as never)).rejects.toThrow('options.retain: expected');
});

test('what the limits of the broker forbid is refused', async () => {
  const broker = await started();
  await expect(broker.publish({ topic: '$SYS/broker/x' })).rejects.toMatchObject({
    name: 'AdministrationError',
    kind: 'refused',
  });
});

test('before the start and after the stop, nothing is published and nothing is subscribed', async () => {
  const broker = createBroker({ storage: { adapter: 'memory' } }, { listeners: [], telemetry: [] });
  const unavailable = { name: 'AdministrationError', kind: 'unavailable', message: 'the broker does not run' };
  await expect(broker.publish({ topic: 'a' })).rejects.toMatchObject(unavailable);
  await broker.start();
  await broker.stop();
  await expect(broker.publish({ topic: 'a' })).rejects.toMatchObject(unavailable);
  await expect(broker.subscribe('a', () => undefined)).rejects.toMatchObject(unavailable);
});

test('a listener that is added before the start gets the events of start and stop, in order', async () => {
  const kinds: string[] = [];
  const broker = createBroker({ storage: { adapter: 'memory' } }, { listeners: [], telemetry: [] });
  const stopped = new Promise<void>((resolve) => {
    broker.on(['ready', 'stopping', 'stopped'], ({ kind }) => {
      kinds.push(kind);
      if (kind === 'stopped') resolve();
    });
  });
  await broker.start();
  await broker.stop();
  await stopped;
  expect(kinds).toEqual(['ready', 'stopping', 'stopped']);
  expect(() => broker.on('ready', () => undefined)).toThrow('the broker has stopped');
});

test('a listener gets the kinds that it wants, and nothing after its end', async () => {
  const broker = await started();
  const subjects: string[] = [];
  const listening = broker.on('operator-command', ({ subject }) => subjects.push(subject));
  broker.on('client-connected', () => subjects.push('another kind'));
  await command(broker, 'a');
  await new Promise(setImmediate);
  await listening.end();
  await command(broker, 'b');
  await new Promise(setImmediate);
  expect(subjects).toEqual(['a']);
});

test('a kind that does not exist is refused with the one that was probably meant', async () => {
  const broker = await started();
  expect(() => broker.on('client-conected' as never, () => undefined)).toThrow(
    'kinds: there is no event "client-conected"; did you mean client-connected?',
  );
});

test('a listener that fails is reported once per burst, and two that fail do not feed each other', async () => {
  const broker = await started();
  const reported: string[] = [];
  const fails = (): never => {
    throw new Error('no');
  };
  broker.on(['operator-command', 'event-listener-failed'], fails, { name: 'one' });
  broker.on(['operator-command', 'event-listener-failed'], fails, { name: 'two' });
  broker.on('event-listener-failed', ({ listener, event }) => reported.push(`${listener} ${event}`));
  for (let i = 0; i < 3; i++) await command(broker, 'a');
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  expect(reported).toEqual(['one operator-command', 'two operator-command']);
});

test('a listener that is a component is started first, gets what it wants, and is stopped when it has got it', async () => {
  const log: string[] = [];
  const component: EventListener = {
    name: 'log',
    wants: ['ready', 'stopping'],
    start: async () => void log.push(await Promise.resolve('start')),
    handle: async ({ kind }) => void log.push(await Promise.resolve(kind)),
    stop: async () => void log.push(await Promise.resolve('stop')),
  };
  const broker = await started({ eventListeners: [component] });
  await broker.stop();
  expect(log).toEqual(['start', 'ready', 'stopping', 'stop']);
});

test('a component that wants an event that does not exist is refused at the start', async () => {
  const component = { name: 'log', wants: ['redy' as never], handle: () => undefined };
  await expect(started({ eventListeners: [component] })).rejects.toThrow(
    'event listener log: kinds: there is no event "redy"; did you mean ready?',
  );
});
