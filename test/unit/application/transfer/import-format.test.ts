// An invalid export is refused with the number of the line and what was expected.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { exportText } from '../../../../src/application/transfer/export-format.js';
import { importFacts } from '../../../../src/application/transfer/import-format.js';
import { linesOf } from '../../../../src/application/transfer/lines.js';
import type { StoredFact } from '../../../../src/application/transfer/stored-fact.js';
import { differences } from '../../../../src/testkit/compare.js';
import {
  EVERY_PROPERTY,
  clientId,
  messageOf,
  queueOf,
  seq,
  sessionOf,
  subscriptionOf,
  willOf,
} from '../../../../src/testkit/storage-contract/samples.js';
import { hash } from './stores.js';

const message = messageOf(7, { properties: EVERY_PROPERTY, payload: Buffer.from('21.5') });
const FACTS: readonly StoredFact[] = [
  { kind: 'session', session: sessionOf('a \u2028 b\n', { disconnectedAtMs: 5 }) },
  { kind: 'subscription', subscription: subscriptionOf('a', 'x/#') },
  { kind: 'inbound', clientId: clientId('a'), packetId: 1 },
  { kind: 'will', will: willOf('a', message) },
  {
    kind: 'entry',
    queue: queueOf('a'),
    entry: { seq: seq(3), message, qos: 2, retain: false, identifiers: [4], released: false },
  },
  { kind: 'retained', message: messageOf(8) },
  { kind: 'last-message-id', id: messageOf(9).id },
];

async function* from<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const text = async (): Promise<string> =>
  (await collect(exportText(from(FACTS), hash, 1))).map((chunk) => chunk.text).join('');
const read = (content: string | Uint8Array): Promise<StoredFact[]> =>
  collect(importFacts(linesOf(from([Buffer.from(content)])), hash));

test('an import reads back what was exported', async () => {
  expect(differences(FACTS, await read(await text()))).toEqual([]);
});

test('an import accepts CRLF, empty lines and a byte order mark', async () => {
  expect(await read(`\ufeff${(await text()).replaceAll('\n', '\r\n\n')}`)).toHaveLength(FACTS.length);
});

describe('an invalid line', () => {
  const session = '{"kind":"session","clientId":"a","expiryIntervalS":1}';
  const published = '{"kind":"message","id":1,"topic":"t","qos":1,"retain":false,"acceptedAtMs":0,"payload":"AA=="}';
  const header = '{"kind":"header","format":"hexmq-export","version":2,"createdAtMs":0}';
  test.each([
    ['', 'line 1: the last line (kind "end") is missing'],
    ['{"kind":"session"}', 'line 1: expected the header of an export, {"kind":"header"'],
    ['not json', 'line 1: not JSON, expected an object'],
    ['[]', 'line 1: expected a JSON object, got []'],
    [
      '{"kind":"header","format":"hexmq-export","version":3,"createdAtMs":0}',
      'line 1: version: this hexmq reads versions 1 to 2 of the format, got 3',
    ],
    [header, 'line 2: the last line (kind "end") is missing'],
    [`${header}\n\n${session}`, 'line 4: the last line (kind "end") is missing'],
    [
      `${header}\n{"kind":"sesion"}`,
      'line 2: kind: expected one of message, session, subscription, inbound, will, entry, retained, last-message-id, end, got "sesion"',
    ],
    [`${header}\n{"kind":"session","clientId":7,"expiryIntervalS":1}`, 'line 2: clientId: expected text, got 7'],
    [`${header}\n{"kind":"session","clientId":"\\ud800","expiryIntervalS":1}`, 'line 2: clientId: expected text, got'],
    [
      `${header}\n{"kind":"session","clientId":"a"}`,
      'line 2: expiryIntervalS: expected a whole number from 0 to 4294967295, got nothing',
    ],
    [
      `${header}\n{"kind":"session","clientId":"a","expiryIntervalS":1.5}`,
      'line 2: expiryIntervalS: expected a whole number from 0 to 4294967295, got 1.5',
    ],
    [`${header}\n{"kind":"session","clientId":"a","expiryIntervalS":1,"colour":"red"}`, 'line 2: colour: unknown key'],
    [
      `${header}\n{"kind":"session","clientId":"a","expiryIntervalS":1,"__proto__":{}}`,
      'line 2: __proto__: unknown key',
    ],
    [
      `${header}\n{"kind":"session","clientId":"${'x'.repeat(65_536)}","expiryIntervalS":1}`,
      'line 2: clientId: expected 0 to 65535 bytes of UTF-8, got 65536',
    ],
    [
      `${header}\n{"kind":"inbound","clientId":"a","packetId":0}`,
      'line 2: packetId: expected a whole number from 1 to 65535, got 0',
    ],
    [
      `${header}\n{"kind":"retained","message":1}`,
      'line 2: message: expected the id of the nearest line of kind "message" above (there is none), got 1',
    ],
    [
      `${header}\n${published}\n{"kind":"retained","message":2}`,
      'line 3: message: expected the id of the nearest line of kind "message" above (it has 1), got 2',
    ],
    [`${header}\n${published.replace('AA==', 'A A=')}`, 'line 2: payload: expected bytes in base64, got "A A="'],
    [`${header}\n${published.replace('AA==', 'AA==AA==')}`, 'line 2: payload: expected bytes in base64'],
    [`${header}\n${published.replace('"qos":1', '"qos":3')}`, 'line 2: qos: expected one of 0, 1, 2, got 3'],
    [`${header}\n${published.replace('}', ',"properties":{"colour":1}}')}`, 'line 2: properties.colour: unknown key'],
    [
      `${header}\n${published.replace('}', ',"properties":{"userProperties":[["a"]]}}')}`,
      'line 2: properties.userProperties: expected a list of pairs of text, got [["a"]]',
    ],
  ])('an import with the content %j is refused with its line and reason', async (content, expected) => {
    await expect(read(content)).rejects.toThrow(expected);
  });
});

describe('an incomplete export', () => {
  test.each(FACTS.map((fact, i) => [fact.kind, i]).filter(([kind]) => kind !== 'last-message-id'))(
    'an export without its line of kind %s is refused as incomplete',
    async (kind) => {
      const lines = (await text()).split('\n').filter((line) => !line.startsWith(`{"kind":"${kind}"`));
      await expect(read(lines.join('\n'))).rejects.toThrow(
        new RegExp(`^line \\d+: counts\\.${kind}: the export says 1, but has 0: it is incomplete$`),
      );
    },
  );

  test('an export that was changed, or goes on after its end, is refused', async () => {
    await expect(read((await text()).replace('MjEuNQ==', 'MjIuNQ=='))).rejects.toThrow(
      /^line 11: digest: the export says [0-9a-f]{64}, but its facts have [0-9a-f]{64}: it was changed$/,
    );
    await expect(read((await text()) + (await text()))).rejects.toThrow(
      /^line 12: expected nothing after the line of kind "end"$/,
    );
  });
});

describe('lines', () => {
  const linesIn = async (content: Uint8Array, size: number, max?: number): Promise<unknown[]> => {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < content.length; at += size) chunks.push(content.subarray(at, at + size));
    return (await collect(linesOf(from(chunks), max))).map(({ number, text: line }) => [number, line]);
  };

  test.each([1, 2, 3, 5, 100])('lines are found in chunks of %d bytes', async (size) => {
    expect(await linesIn(Buffer.from('é😀\u2028\n\nb\r\nlast'), size)).toEqual([
      [1, 'é😀\u2028'],
      [3, 'b\r'],
      [4, 'last'],
    ]);
  });

  test('a line that is too long or is not UTF-8 is refused', async () => {
    await expect(linesIn(Buffer.from('short\n0123456789'), 3, 8)).rejects.toThrow('line 2: longer than 8 bytes');
    await expect(linesIn(Buffer.of(0x61, 0x0a, 0xff, 0x0a), 9)).rejects.toThrow('line 2: not UTF-8');
  });
});

test('an export of version 1, in which a will names a message, is read with its digest, and the will is a draft', async () => {
  const exported = [
    '{"kind":"header","format":"hexmq-export","version":1,"createdAtMs":1795496735999}',
    '{"kind":"session","clientId":"reader","expiryIntervalS":4294967295,"disconnectedAtMs":1795496728958,"sentBelow":0,"doubtBelow":0}',
    '{"kind":"subscription","clientId":"reader","topicFilter":"plant/#","qos":2,"noLocal":false,"retainAsPublished":false,"retainHandling":0}',
    '{"kind":"inbound","clientId":"reader","packetId":77}',
    '{"kind":"message","id":12,"topic":"plant/7/state","qos":1,"retain":true,"acceptedAtMs":1795496728100,"payload":"Z29uZQ=="}',
    '{"kind":"will","clientId":"reader","delayS":0,"message":12}',
    '{"kind":"last-message-id","id":1202}',
    '{"kind":"message","id":13,"topic":"plant/7/temperature","qos":2,"retain":false,"publisher":"sensor","acceptedAtMs":1795496728989,"payload":"MjEuNQ=="}',
    '{"kind":"entry","queue":"c:reader","seq":0,"qos":2,"retain":false,"released":false,"message":13}',
    '{"kind":"entry","queue":"g:group/plant/#","seq":4,"qos":1,"retain":false,"released":false,"message":13}',
    '{"kind":"end","counts":{"session":1,"subscription":1,"inbound":1,"will":1,"entry":2,"retained":0},"digest":"42cd755a6e00a63f75519aa4cd073534a9682f737d0016a61226aba3bf0a2f7b"}',
  ];
  const will = (await read(exported.join('\n'))).find(({ kind }) => kind === 'will');
  const payload = Buffer.from('gone');
  const expected = { topic: 'plant/7/state', payload, qos: 1, retain: true, properties: undefined };
  expect(will).toEqual({
    kind: 'will',
    will: { clientId: 'reader', delayS: 0, dueAtMs: undefined, message: expected },
  });
});

describe('the page about the format', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/export-format.md'), 'utf8');
  const example = /^```\n([^]*?)^```$/m.exec(page)?.[1] ?? '';

  test('the example on the page about the export format can be imported', async () => {
    expect(example.split('\n')).toHaveLength(11);
    expect((await read(example)).map(({ kind }) => kind)).toEqual([
      'session',
      'subscription',
      'inbound',
      'will',
      'last-message-id',
      'entry',
      'entry',
    ]);
  });

  test.each([
    ['its example', () => Promise.resolve(example)],
    ['an export', text],
  ])('the digest of %s follows from the description on the page about the format', async (_name, content) => {
    let sum = 0n;
    let hashOfMessage = '';
    let stated: unknown;
    for (const line of (await content()).trimEnd().split('\n')) {
      const fact = JSON.parse(line) as Record<string, unknown>;
      if (fact['kind'] === 'end') stated = fact['digest'];
      if (fact['kind'] === 'message') hashOfMessage = hash(line);
      if (['header', 'last-message-id', 'message', 'end'].includes(fact['kind'] as string)) continue;
      sum += BigInt(
        `0x${hash('message' in fact ? line.replace(/"message":\d+\}$/, `"message":"${hashOfMessage}"}`) : line)}`,
      );
    }
    expect(stated).toBe((sum % 2n ** 256n).toString(16).padStart(64, '0'));
  });

  test('the page about the export format names every kind of line and every key', async () => {
    for (const line of (await text()).trimEnd().split('\n')) {
      const { kind, ...others } = JSON.parse(line) as Record<string, unknown>;
      const row = page.split('\n').find((each) => each.startsWith(`| \`${String(kind)}\` |`)) ?? '';
      for (const key of Object.keys(others)) expect(row).toMatch(new RegExp(`\`${key}\``));
    }
  });
});
