// The format of file storage, byte by byte: one of each key and record as a hex dump. A test here that fails means that
// stores of released versions can no longer be read: it is never mended by changing the dump, but by a new format
// version and by reading the old one as well.
import { describe, expect, test } from '@jest/globals';
import { UserProperties } from 'hexmq/ports';
import type { Message, QueueAppend, Seq, WillRecord } from 'hexmq/ports';
import { DamagedRecord } from '../../adapters/storage/file/errors.js';
import * as keys from '../../adapters/storage/file/keys.js';
import * as records from '../../adapters/storage/file/records/index.js';

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{8})(?=.)/g, '$1 ');
/** A value as the store returns it, in memory of its own. */
const stored = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

const MESSAGE: Message = {
  id: 258 as Message['id'],
  topic: 'a/b' as Message['topic'],
  payload: new Uint8Array([1, 2, 255]),
  qos: 2,
  retain: true,
  properties: undefined,
  publisher: undefined,
  acceptedAtMs: 1_700_000_000_000,
  expiresAtMs: undefined,
};

const willOf = (
  { topic, payload, qos, retain, properties }: Message,
  delayS: number,
  dueAtMs: number | undefined,
): WillRecord => ({
  clientId: 'a' as WillRecord['clientId'],
  message: { topic, payload, qos, retain, properties },
  delayS,
  dueAtMs,
});

const FULL: Message = {
  ...MESSAGE,
  publisher: 'é' as NonNullable<Message['publisher']>,
  expiresAtMs: 1_700_000_000_000.5,
  properties: {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 4_294_967_295,
    contentType: 'c',
    responseTopic: 'r',
    correlationData: new Uint8Array([0, 255]),
    userProperties: UserProperties.of([
      ['k', 'v'],
      ['k', ''],
    ]),
  },
};

/** A key as an iterator over entries returns it, read as UTF-8. */
const asText = (key: Buffer): string => key.toString('utf8');

const append = (message: Message, identifiers?: readonly number[]): QueueAppend => ({
  ...{ kind: 'queue.append', queue: 'c:a' as never, seq: 1 as never, message },
  ...{ qos: 1, retain: false, identifiers, batch: 0, place: 0 },
});

describe('keys of file storage', () => {
  test.each<[string, Buffer, string]>([
    ['the format', keys.spaceKey(keys.Space.format), '00'],
    ['the counters', keys.spaceKey(keys.Space.counters), '01'],
    ['a client', keys.namedKey(keys.Space.client, 'é'), '02c3a9'],
    ['a queue', keys.namedKey(keys.Space.queue, 'c:a'), '03633a61'],
    ['a subscription', keys.subscriptionKey(258, 'x/#'), '04000000 00000202 782f23'],
    ['an inbound packet id', keys.inboundKey(258, 65_535), '05000000 00000202 037f7f'],
    ['an entry', keys.entryKey(258, 2 ** 53 - 1), '06000000 00000202 0f7f7f7f 7f7f7f7f'],
    ['the release of an entry', keys.releasedKey(258, 1), '06000000 00000202 00000000 00000001 01'],
    ['a body', keys.numberedKey(keys.Space.body, 2 ** 48 - 1), '073f7f7f 7f7f7f7f'],
    ['the references to a body', keys.numberedKey(keys.Space.references, 1), '08000000 00000001'],
    ['a retained message', keys.namedKey(keys.Space.retained, 'a/b'), '09612f62'],
    ['a will', keys.namedKey(keys.Space.will, 'a'), '0a61'],
    ['a dropped number', keys.numberedKey(keys.Space.dropped, 1), '0b000000 00000001'],
    ['a fence', keys.fenceKey(keys.Space.entry, 258), '06000000 00000202 ff'],
  ])('the key of %s is encoded as documented', (_, key, dump) => {
    expect(hex(key)).toBe(dump);
  });

  test('keys sort by number, then by seq, with the fence last', () => {
    const sorted = [
      keys.entryKey(1, 0),
      keys.releasedKey(1, 0),
      keys.entryKey(1, 1),
      keys.entryKey(1, 255),
      keys.entryKey(1, 256),
      keys.entryKey(1, 2 ** 31 - 1),
      keys.entryKey(1, 2 ** 31),
      keys.entryKey(1, 2 ** 32 - 1),
      keys.entryKey(1, 2 ** 32),
      keys.entryKey(1, 2 ** 53 - 1),
      keys.fenceKey(keys.Space.entry, 1),
      keys.entryKey(2, 0),
      keys.entryKey(256, 0),
    ];
    expect(
      [...sorted]
        .reverse()
        .sort((a, b) => a.compare(b))
        .map(hex),
    ).toEqual(sorted.map(hex));
  });

  test('keys decode to what they were made of', () => {
    expect(keys.seqOf(asText(keys.entryKey(7, 2 ** 53 - 2)))).toBe(2 ** 53 - 2);
    for (const seq of [0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 38 + 2 ** 31])
      expect(keys.seqOf(asText(keys.entryKey(7, seq)))).toBe(seq);
    expect(keys.numberOf(keys.entryKey(2 ** 48 - 1, 0))).toBe(2 ** 48 - 1);
    expect(keys.packetIdOf(keys.inboundKey(1, 65_535))).toBe(65_535);
    expect(keys.filterOf(keys.subscriptionKey(1, 'é/😀'))).toBe('é/😀');
    expect(keys.nameOf(keys.namedKey(keys.Space.queue, 'c:😀'))).toBe('c:😀');
  });

  test('keys of entries, releases and fences are distinct as text', () => {
    const texts = [
      keys.entryKey(2 ** 48 - 1, 2 ** 53 - 1),
      keys.releasedKey(1, 0),
      keys.fenceKey(keys.Space.entry, 2 ** 48 - 1),
    ].map(asText);
    expect(texts.map(keys.isReleasedKey)).toEqual([false, true, false]);
    expect(texts.map(keys.isEntryFence)).toEqual([false, false, true]);
    const range = keys.textRange(keys.entryKey(2 ** 48 - 1, 0), keys.numberedKey(keys.Space.entry, 2 ** 48 - 1));
    expect([range.gte, range.lt]).toEqual([
      asText(keys.entryKey(2 ** 48 - 1, 0)),
      asText(keys.numberedKey(keys.Space.entry, 2 ** 48 - 1)),
    ]);
  });

  test('a key of a packet id, a seq or a filter is never taken for a fence', () => {
    expect(
      [
        keys.inboundKey(1, 0xffff),
        keys.entryKey(1, 2 ** 53 - 1),
        keys.subscriptionKey(1, '#'),
        keys.subscriptionKey(1, '\uffff'),
      ].filter(keys.isFence),
    ).toEqual([]);
    expect(keys.isFence(keys.fenceKey(keys.Space.inbound, 1))).toBe(true);
  });
});

describe('records of file storage', () => {
  const client = {
    number: 258,
    session: {
      expiryIntervalS: 4_294_967_295,
      disconnectedAtMs: 1_700_000_000_000,
      sentBelow: 257 as Seq,
      doubtBelow: (2 ** 53 - 1) as Seq,
    },
  };
  const earlierClient = {
    ...client,
    session: { ...client.session, sentBelow: undefined, doubtBelow: undefined },
  };
  const subscription = {
    clientId: 'a',
    topicFilter: 'x',
    qos: 2,
    noLocal: true,
    retainAsPublished: true,
    retainHandling: 2,
    identifier: 268_435_455,
  } as never;
  const will = willOf(MESSAGE, 5, 1_700_000_000_000);
  const fullWill = willOf(FULL, 0, undefined);
  const queue = { number: 258, head: 2 ** 32, tail: 2 ** 53 - 1, count: 3, bytes: 1000 };
  const retained = { body: 258, id: 2 ** 53 - 1, bytes: 3, expiresAtMs: 1_700_000_000_000 };
  const counters = { lastMessageId: 257, nextNumber: 2, nextBody: 3, opening: 4 };
  const inline = { qos: 1, retain: false, identifiers: undefined, bytes: 3, body: 0, message: FULL };
  const shared = { qos: 1, retain: false, identifiers: [1, 268_435_455], bytes: 3, body: 258, message: undefined };

  test.each<[string, () => Buffer, (bytes: Buffer) => unknown, unknown, string]>([
    [
      'the format',
      () => records.encodeFormat(),
      records.decodeFormat,
      3,
      '12686578 6d712066 696c6520 73746f72 61676500 03fe3d00 fd',
    ],
    [
      'the counters',
      () => records.encodeCounters(counters),
      records.decodeCounters,
      counters,
      '00000000 00000102 00000000 00020000 00000003 00000000 0004e8e6 e84a',
    ],
    [
      'a client',
      () => records.encodeClient(client),
      records.decodeClient,
      client,
      '0f000000 000102ff ffffff42 78bcfe56 80000000 00000000 00010100 1fffffff ffffffac f9f273',
    ],
    [
      'a client of a version that did not record what was sent',
      () => records.encodeClient(earlierClient),
      records.decodeClient,
      earlierClient,
      '03000000 000102ff ffffff42 78bcfe56 80000021 470f7b',
    ],
    [
      'a client without a session',
      () => records.encodeClient({ number: 1, session: undefined }),
      records.decodeClient,
      { number: 1, session: undefined },
      '00000000 000001ea 6befe8',
    ],
    [
      'a subscription',
      () => records.encodeSubscription(subscription),
      (bytes) => records.decodeSubscription(bytes, 'x'),
      subscription,
      '6effffff 7f0161ca 43cd95',
    ],
    ['an inbound packet id', () => records.encodeInbound('a'), records.decodeInbound, 'a', '01616277 7270'],
    [
      'a will',
      () => records.encodeWill(will),
      (bytes) => records.decodeWill(bytes, 'a'),
      will,
      '03000000 054278bc fe568000 00060361 2f620102 ff105764 fd',
    ],
    [
      'a will with properties',
      () => records.encodeWill(fullWill),
      (bytes) => records.decodeWill(bytes, 'a'),
      fullWill,
      '02000000 00260361 2f620101 02ffffff ff030163 08017209 0200ff26 02016b01 76016b00 000102ff 86b50c5d',
    ],
    [
      'a queue',
      () => records.encodeQueue(queue),
      records.decodeQueue,
      queue,
      '00000000 01020000 00010000 0000001f ffffffff ffff0000 00000000 00030000 00000000 03e8a78a c43f',
    ],
    [
      'an entry with its message',
      () => records.encodeEntry(append(FULL), 0),
      records.decodeEntry,
      inline,
      '01000000 033e0000 00000000 01024278 bcfe5680 00004278 bcfe5680 08000361 2f6202c3 a9010102 ffffffff 03016308 01720902 00ff2602 016b0176 016b0000 0102ffb9 5a557c',
    ],
    [
      'an entry with a body',
      () => records.encodeEntry(append(FULL, [1, 268_435_455]), 258),
      records.decodeEntry,
      shared,
      '19000000 030201ff ffff7f00 00000001 024c01ec 9a',
    ],
    [
      'a body',
      () => records.encodeBody(MESSAGE),
      records.decodeBody,
      MESSAGE,
      '06000000 00000001 024278bc fe568000 0003612f 620102ff 70a2e567',
    ],
    [
      'the references to a body',
      () => records.encodeReferences(258),
      records.decodeReferences,
      258,
      '00000000 010246d7 f1ce',
    ],
    [
      'a retained message',
      () => records.encodeRetained(retained),
      records.decodeRetained,
      retained,
      '01000000 00010200 1fffffff ffffff00 00000342 78bcfe56 80000055 a8c41b',
    ],
    [
      'the dropped number of a queue',
      () => records.encodeDropped('queue'),
      records.decodeDropped,
      'queue',
      '00d202ef 8d',
    ],
    [
      'the dropped number of a client',
      () => records.encodeDropped('client'),
      records.decodeDropped,
      'client',
      '01a505df 1b',
    ],
  ])('the record of %s is encoded as documented, and decodes to the same value', (_, encode, decode, value, dump) => {
    expect(hex(encode())).toBe(dump);
    expect(decode(stored(dump))).toEqual(value);
  });

  test('a will that format 2 wrote, as a whole message, decodes to its draft', () => {
    const dump = '01000000 054278bc fe568000 00060000 00000000 01024278 bcfe5680 00000361 2f620102 ff36a1f8 85';
    expect(records.decodeWill(stored(dump), 'a')).toEqual(will);
  });

  test('the weight of an entry is read without its message', () => {
    expect(records.entryWeight(Buffer.from(records.encodeEntry(append(FULL), 0)))).toEqual({ bytes: 3, body: 0 });
    expect(records.entryWeight(Buffer.from(records.encodeEntry(append(FULL, [1, 300]), 258)))).toEqual({
      bytes: 3,
      body: 258,
    });
  });

  test('a record with a flipped bit, or one that ends too early, throws a DamagedRecord', () => {
    const whole = Buffer.from(records.encodeEntry(append(FULL), 0));
    const isRefused = (bytes: Buffer): boolean => {
      try {
        records.decodeEntry(bytes);
        return false;
      } catch (error) {
        return error instanceof DamagedRecord;
      }
    };
    expect(isRefused(whole)).toBe(false);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect({ bit, isRefused: isRefused(flipped) }).toEqual({ bit, isRefused: true });
    }
    for (let length = 0; length < whole.length; length++)
      expect({ length, isRefused: isRefused(whole.subarray(0, length)) }).toEqual({ length, isRefused: true });
  });

  test('the version of a format is read whatever follows it', () => {
    expect(records.decodeFormat(Buffer.concat([records.encodeFormat(258), Buffer.from('more')]))).toBe(258);
  });

  test('a format record of another program is not recognised', () => {
    for (const text of ['', '00', '1268656d']) expect(records.decodeFormat(stored(text))).toBeUndefined();
  });
});
