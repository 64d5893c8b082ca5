// Laws about contents: names, payloads, properties and numbers come back as they were stored.
import { UserProperties } from '../../ports/index.js';
import type { Change, QueueId } from '../../ports/index.js';
import { MEBIBYTE, holdsWhenRepeated } from './law.js';
import type { Law } from './law.js';
import {
  AWKWARD_NAMES,
  EVERY_PROPERTY,
  NAMES_OF_EVERY_BYTE,
  appendOf,
  clientId,
  drop,
  groupQueueOf,
  messageOf,
  payloadOf,
  put,
  queueOf,
  trim,
} from './samples.js';
import type { Subject } from './subject.js';

export function contentLaws(law: Law): void {
  const perName = (name: string, i: number): Change[] => [
    put.session(name, { expiryIntervalS: i + 1 }),
    put.subscription(name, name, { identifier: i + 1 }),
    put.inbound(name, i + 1),
    put.will(name, messageOf(i * 3, { topic: name })),
    appendOf(queueOf(name), i, messageOf(i * 3 + 1, { topic: name, publisher: clientId(name) })),
    put.retained(messageOf(i * 3 + 2, { topic: name, retain: true })),
  ];
  const names = async (subject: Subject, all: readonly string[]): Promise<void> => {
    for (const [i, name] of all.entries()) await subject.commit(...perName(name, i));
    await subject.verify();
    for (const name of all.filter((_, i) => i % 2 === 0)) {
      await subject.commit(drop.session(name), drop.retained(name), drop.will(name));
    }
    await subject.verify();
  };

  law('names that are easily confused or cut off stay distinct', (subject) => names(subject, AWKWARD_NAMES));

  law('names with every character up to U+00FF stay distinct', (subject) => names(subject, NAMES_OF_EVERY_BYTE));

  law('a queue id of 131,080 bytes, the longest there is, works', (subject) => {
    const long = groupQueueOf('g'.repeat(65_535), '#'.repeat(65_535 + 7));
    return holdsWhenRepeated(
      subject,
      [appendOf(long, 0, messageOf(1)), appendOf(`${long.slice(0, -1)}x` as QueueId, 0, messageOf(2))],
      [trim(long, 0)],
    );
  });

  law('every property of a message comes back, in its order', (subject) => {
    const message = messageOf(1, {
      properties: EVERY_PROPERTY,
      qos: 2,
      retain: true,
      expiresAtMs: 1_800_000_000_000,
      topic: 'p',
    });
    const bare = messageOf(2, { properties: {}, publisher: undefined, qos: 0, topic: 'q' });
    const falsy = messageOf(3, {
      properties: {
        payloadFormatIndicator: 0,
        contentType: '',
        correlationData: new Uint8Array(0),
        userProperties: UserProperties.of([]),
      },
      topic: 'r',
    });
    const batch = [message, bare, falsy].flatMap((each, i): Change[] => [
      appendOf(queueOf('a'), i, each),
      put.retained(each),
      put.will(`w${String(i)}`, each),
    ]);
    return holdsWhenRepeated(subject, [put.session('a'), ...batch]);
  });

  law('payloads of any bytes come back, from none to a mebibyte', async (subject) => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
    const payloads = [
      payloadOf(0),
      everyByte,
      new Uint8Array(300),
      new Uint8Array(64).fill(0xff),
      payloadOf(65_536),
      payloadOf(MEBIBYTE),
    ];
    for (const [i, payload] of payloads.entries()) {
      const message = messageOf(i, { payload, topic: `t${String(i)}`, retain: true });
      await subject.commit(
        appendOf(queueOf('a'), i, message),
        put.retained(message),
        put.will(`w${String(i)}`, message),
      );
    }
    await subject.verify();
  });

  law('large numbers come back', (subject) => {
    const id = 2 ** 52 + 1;
    const message = { ...messageOf(id, { expiresAtMs: 2 ** 53 - 1, topic: 't' }), acceptedAtMs: 2 ** 48 + 1 };
    return holdsWhenRepeated(subject, [
      put.session('a', { expiryIntervalS: 4_294_967_295, disconnectedAtMs: 2 ** 48 + 3 }),
      appendOf(queueOf('a'), 2 ** 52 - 1, message),
      put.retained(message),
      put.will('a', message, { delayS: 4_294_967_295, dueAtMs: 2 ** 48 + 5 }),
    ]);
  });
}
