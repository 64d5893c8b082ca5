// What the measurement of responsiveness does to the broker. Each mix prepares the broker and returns the attack, which
// resolves when the broker has answered.
import { setTimeout as pause } from 'node:timers/promises';
import { crowdOf, Peer, publishOf, subscribeOf, TYPE } from './crowd.mjs';

const range = (count) => Array.from({ length: count }, (_, i) => i);

/** Every filter of 13 levels of `a` or `+`, and `#`: they all match one topic. */
const OVERLAPPING = range(8192).map((bits) =>
  [...range(13).map((level) => ((bits >> level) & 1 ? '+' : 'a')), '#'].join('/'),
);

async function publisherOf(port) {
  const [publisher] = await crowdOf(port, 1, 'publisher');
  return publisher;
}

/** All in one write, as one chunk or a few. */
async function burst(publisher, count, qos, topicOf) {
  publisher.send(
    Buffer.concat([
      ...range(count).map((i) => publishOf(topicOf(i), { qos, messageId: i + 1 })),
      Buffer.from([0xc0, 0]),
    ]),
  );
  if (qos > 0) await publisher.until(qos === 1 ? TYPE.puback : TYPE.pubrec, count);
  else await publisher.until(TYPE.pingresp, 1);
}

const toSubscribers = (count, qos, messages, clean) => async (port) => {
  await crowdOf(port, count, 's', { clean }, async (peer) => {
    await peer.subscribe(['t'], qos);
    if (!clean) await peer.leave();
  });
  const publisher = await publisherOf(port);
  return () => burst(publisher, messages, qos, () => 't');
};

const largeMessages = (count, mebibytes) => async (port) => {
  const subscribers = await crowdOf(port, 2, 's', { clean: false }, (peer) => peer.subscribe(['t'], 1));
  await subscribers[1].leave();
  const publisher = await publisherOf(port);
  const payload = Buffer.alloc(mebibytes * 1024 * 1024);
  return async () => {
    for (let i = 1; i <= count; i++) {
      publisher.send(publishOf('t', { qos: 1, messageId: i, payload }));
      await publisher.until(TYPE.puback, i);
    }
    await pause(2000);
  };
};

const toGroups = (count, messages, isConnected) => async (port) => {
  const [member] = await crowdOf(port, 1, 'member', { clean: false });
  await member.subscribe(
    range(count).map((i) => `$share/${i}/t`),
    1,
  );
  if (!isConnected) await member.leave();
  const publisher = await publisherOf(port);
  return () => burst(publisher, messages, 1, () => 't');
};

const overlapping = (clients, publishes, qos) => async (port) => {
  await crowdOf(port, clients, 's', { clean: false }, async (peer) => {
    for (let i = 0; i < OVERLAPPING.length; i += 2048) await peer.subscribe(OVERLAPPING.slice(i, i + 2048), qos);
    await peer.leave();
  });
  const publisher = await publisherOf(port);
  return () => burst(publisher, publishes, qos, (i) => `${'a/'.repeat(13)}${i}`);
};

const wills = (count, subscribers) => async (port) => {
  await crowdOf(port, subscribers, 's', {}, (peer) => peer.subscribe(['will'], 1));
  const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false };
  const dying = await crowdOf(port, count, 'w', { will });
  return async () => {
    for (const peer of dying) peer.cut();
    await pause(5000);
  };
};

async function retain(port, count) {
  const publisher = await publisherOf(port);
  for (let i = 0; i < count; i += 1000) {
    publisher.send(
      Buffer.concat([
        ...range(1000).map((j) =>
          publishOf(`site/${(i + j) % 100}/dev/${i + j}/temp`, { qos: 1, messageId: j + 1, retain: true }),
        ),
      ]),
    );
    await publisher.until(TYPE.puback, i + 1000);
  }
}

/** `packetsOf` gives the SUBSCRIBE packets that each client sends in one write. */
const subscribing = (clients, retained, packets, filtersOf) => async (port) => {
  if (retained > 0) await retain(port, retained);
  const peers = await crowdOf(port, clients, 'a');
  const all = Buffer.concat(range(packets).map((i) => subscribeOf(filtersOf(i), 1)));
  return async () => {
    for (const peer of peers) peer.send(all);
    await Promise.all(peers.map((peer) => peer.until(TYPE.suback, packets)));
    await pause(4000);
  };
};

const takeoverOfOne = (count) => async (port) => {
  const [first] = await crowdOf(port, 1, 'one', { clean: false });
  await first.subscribe(
    range(10_000).map((i) => `$share/${i}/t`),
    1,
  );
  return async () => {
    let last = first;
    for (let i = 0; i < count; i++) last = new Peer(port, { clientId: 'one-0', clean: i % 100 !== 99 });
    await Promise.race([last.until(TYPE.connack, 1), pause(10_000)]);
    await pause(1000);
  };
};

const takeoverOfAll = (count) => async (port) => {
  await crowdOf(port, count, 'many', { clean: false }, (peer) => peer.subscribe(['t', 'u/#', '$share/g/t'], 1));
  return async () => {
    const all = range(count).map((i) => new Peer(port, { clientId: `many-${i}`, clean: false }));
    await Promise.all(all.map((peer) => peer.until(TYPE.connack, 1)));
  };
};

/** All connect in one instant; then half of them are cut. */
const connecting = (count) => (port) =>
  Promise.resolve(async () => {
    const all = range(count).map((i) => new Peer(port, { clientId: `c-${i}` }));
    await Promise.all(all.map((peer) => peer.until(TYPE.connack, 1)));
    for (const peer of all.slice(0, count / 2)) peer.cut();
    await pause(1000);
  });

const ending = (clients, filterOf) => async (port) => {
  const filters = range(10_000).map(filterOf);
  const peers = await crowdOf(port, clients, 'e', {}, async (peer) => {
    for (let i = 0; i < filters.length; i += 1000) await peer.subscribe(filters.slice(i, i + 1000), 0);
  });
  return async () => {
    for (const peer of peers) peer.cut();
    await pause(5000);
  };
};

const expiring = (count, subscriptions) => async (port) => {
  const filters = range(subscriptions).map((i) => `e/${i}`);
  const peers = await crowdOf(port, count, 'e', { clean: false }, (peer) => peer.subscribe(filters, 1));
  await Promise.all(peers.map((peer) => peer.leave()));
  return () => pause(8000);
};

/**
 * @type {Record<string, { prepare: (port: number) => Promise<() => Promise<void>>, limits?: Record<string, number> }>}
 */
export const MIXES = {
  'A1: 300 QoS 1 messages to 10,000 groups, member absent': { prepare: toGroups(10_000, 300, false) },
  'A1: 100 QoS 1 messages to 3,000 absent sessions': { prepare: toSubscribers(3000, 1, 100, false) },
  'A2: 500 QoS 0 topics for 10 x 8,192 overlapping filters': { prepare: overlapping(10, 500, 0) },
  'A2: 100 QoS 1 topics for 10 x 8,192 overlapping filters': { prepare: overlapping(10, 100, 1) },
  'A3: 10,000 sessions with 10 subscriptions expire together': {
    prepare: expiring(10_000, 10),
    limits: { SESSION_EXPIRY_MAX: 6 },
  },
  'A3: 2,000 wills at once to 500 subscribers': { prepare: wills(2000, 500) },
  'A4: 20 SUBSCRIBE of 9,000 equal filters, 20,000 retained': {
    prepare: subscribing(1, 20_000, 20, () => Array(9000).fill('#')),
  },
  'A4: 20 SUBSCRIBE of 9,000 filters that visit all of 20,000 retained': {
    prepare: subscribing(1, 20_000, 20, (n) => range(9000).map((i) => `+/+/+/+/${n * 9000 + i}`)),
  },
  'A4: 100 clients subscribe to all of 20,000 retained': {
    prepare: subscribing(100, 20_000, 3, (n) => [['#'], ['site/+/#'], ['+/+/dev/+/temp']][n]),
  },
  'A5: 50 SUBSCRIBE of 10,000 filters': {
    prepare: subscribing(1, 0, 50, () => range(10_000).map((i) => `f/${i}`)),
  },
  'A5: 10 clients, 5 SUBSCRIBE of 10,000 shared filters': {
    prepare: subscribing(10, 0, 5, () => range(10_000).map((i) => `$share/${i}/f`)),
  },
  '100 QoS 0 messages to 9,000 subscribers': { prepare: toSubscribers(9000, 0, 100, true) },
  '100 QoS 1 messages to 9,000 subscribers': { prepare: toSubscribers(9000, 1, 100, true) },
  '100 QoS 2 messages to 9,000 subscribers': { prepare: toSubscribers(9000, 2, 100, true) },
  '100 QoS 1 messages to 10,000 absent sessions': { prepare: toSubscribers(10_000, 1, 100, false) },
  '10 QoS 1 messages to 50,000 absent sessions': { prepare: toSubscribers(50_000, 1, 10, false) },
  '2 QoS 1 messages of 200 MiB, one subscriber connected and one absent': { prepare: largeMessages(2, 200) },
  '50 QoS 1 messages to 10,000 groups of a connected member': { prepare: toGroups(10_000, 50, true) },
  '2,000 takeovers of one session with 10,000 groups': { prepare: takeoverOfOne(2000) },
  '4,000 sessions taken over at once': { prepare: takeoverOfAll(4000) },
  '8,000 connections at once, half of them cut at once': { prepare: connecting(8000) },
  '10 sessions with 10,000 subscriptions end at once': { prepare: ending(10, (i) => `f/${i}`) },
  '10 sessions with 10,000 shared subscriptions end at once': { prepare: ending(10, (i) => `$share/${i}/f`) },
  '2 sessions with 10,000 subscriptions of 100 levels end at once': {
    prepare: ending(2, (i) => `${i}/${'a/'.repeat(99)}b`),
  },
};
