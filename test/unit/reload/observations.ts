// What a client of the core sees, for the proofs that a reload takes effect.
import type { ConnectOptions, CoreHarness, CorePeer } from '../../support/core-harness.js';
import type { Properties, QoS } from '../../../src/protocol/packets.js';

let clients = 0;
export const freshName = (): string => `c${++clients}`;

/** The answer to a CONNECT. */
export function connackFor(
  core: CoreHarness,
  clientId = freshName(),
  options: ConnectOptions = {},
): string | undefined {
  core.lines();
  const [connack] = core.heard(core.connect(clientId, options));
  return connack;
}

/** What a client does, and why its connection ends; `undefined` if it goes on. */
export function endOf(
  core: CoreHarness,
  act: (peer: CorePeer) => void,
  options: ConnectOptions = {},
): string | undefined {
  const peer = core.connect(freshName(), options);
  core.lines();
  act(peer);
  const close = `${peer.id} close `;
  return core
    .lines()
    .find((line) => line.startsWith(close))
    ?.slice(close.length);
}

/** What is heard when something happens to a client. */
export function heardBy(core: CoreHarness, options: ConnectOptions, act: (peer: CorePeer) => void): string[] {
  const peer = core.connect(freshName(), options);
  core.lines();
  act(peer);
  return core.heard(peer);
}

/** The number of messages to a client that acknowledges none. */
export const sentUnacknowledged = (core: CoreHarness, qos: QoS = 1): number =>
  heardBy(core, {}, (peer) => {
    const topic = freshName();
    peer.subscribe([topic, qos]);
    core.lines();
    for (let i = 0; i < 8; i++) core.connect('publisher').publish(topic, 'x', qos);
  }).length;

/** What waits for a client that is away, or acknowledges nothing. */
export function waiting(core: CoreHarness, clean: boolean): number {
  const peer = core.connect(freshName(), { clean });
  const topic = freshName();
  peer.subscribe([topic, 1]);
  if (!clean) peer.lose();
  const before = core.waiting;
  for (let i = 0; i < 4; i++) core.connect('publisher').publish(topic, new Uint8Array(100));
  return core.waiting - before;
}

/** The payloads that a client that was away finds. */
export function foundAfterwards(core: CoreHarness): string[] {
  const name = freshName();
  const peer = core.connectStored(name);
  peer.subscribe([name, 1]);
  peer.lose();
  for (const payload of ['1', '2', '3']) core.connect('publisher').publish(name, payload);
  return core.stored(name);
}

/** The messages at QoS 0 for a client that does not read. */
export const buffered = (core: CoreHarness): number =>
  heardBy(core, {}, (peer) => {
    const topic = freshName();
    peer.subscribe([topic, 0]);
    peer.congested();
    core.lines();
    for (let i = 0; i < 4; i++) core.connect('publisher').publish(topic, new Uint8Array(100), 0);
  }).length;

/** How many of the filters a client is granted. */
export const granted = (core: CoreHarness, filters: readonly string[]): string[] =>
  heardBy(core, {}, (peer) => {
    peer.subscribe(...filters.map((filter) => [filter, 2] as const));
  }).map((line) => line.replace(/^suback \d+ /, ''));

/** Whether messages on topics of their own are retained. */
export function retained(core: CoreHarness, ...topics: string[]): number {
  for (const topic of topics) core.connect('publisher').publish(topic, 'x', 1, { retain: true });
  return core.broker.retainedCount;
}

export const LONG = 'x'.repeat(24);
export const publishing =
  (topic: string, qos: QoS = 1) =>
  (peer: CorePeer): void => {
    peer.publish(topic, 'x', qos);
  };

/** At QoS 0, with properties of MQTT 5. */
export const publishingWith =
  (properties: Properties, payload: Uint8Array = new Uint8Array()) =>
  (peer: CorePeer): void => {
    peer.publish('a', payload, 0, { properties });
  };

export const DENIED = { kind: 'rules', rules: [] } as const;

/** Where a new client of MQTT 5 is sent, and with which Reason Code. */
export function referenceFor(core: CoreHarness): string | undefined {
  const peer = core.open();
  peer.connect('sent away', { version: 5 });
  const [, code, reference] = core.heard(peer)[0]?.match(/^connack (\d+).*serverReference=(\S+)/) ?? [];
  return code && `0x${Number(code).toString(16)} ${String(reference)}`;
}
