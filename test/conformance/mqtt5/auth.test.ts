// Enhanced authentication of MQTT 5 on the wire: AUTH (section 3.15) and the exchange that it is part of (section
// 4.12). Packets are written and read by `mqtt-packet`, which shares nothing with the broker.
import { describe, expect, test } from '@jest/globals';
import * as theirs from 'mqtt-packet';
import type {
  Authenticator,
  Exchange,
  ExchangeAnswer,
  ExchangeRequest,
  TopicFilter,
} from '../../../src/ports/index.js';
import type { InProcessClient } from '../../clients/raw-client.js';
import { withBroker } from '../../support/broker-harness.js';
import type { HarnessOptions, BrokerHarness } from '../../support/broker-harness.js';

const text = (data: Uint8Array | undefined): string => Buffer.from(data ?? []).toString();

/** Says yes to `yes`, no to `no`, and asks more of everything else; it can be slow, and can fail. */
class TalkingAuthenticator implements Authenticator {
  readonly name = 'talking';
  readonly methods = ['TALK'];
  begun = 0;
  ended = 0;
  readonly requests: ExchangeRequest[] = [];
  /** Signals of the answers that never come. */
  readonly signals: AbortSignal[] = [];

  authenticate(): { readonly decision: 'allow' } {
    return { decision: 'allow' };
  }

  exchange(request: ExchangeRequest): Exchange {
    this.begun++;
    this.requests.push(request);
    return {
      next: (data, context) => this.#answer(text(data), context?.signal),
      end: () => {
        this.ended++;
      },
    };
  }

  #answer(said: string, signal: AbortSignal | undefined): ExchangeAnswer | Promise<ExchangeAnswer> {
    const [what = '', more = ''] = said.split(' ');
    switch (what) {
      case 'yes':
        return { decision: 'allow', data: Buffer.from('welcome') };
      case 'later':
        return Promise.resolve({ decision: 'allow' });
      case 'as':
        return { decision: 'allow', userName: more };
      case 'until':
        return { decision: 'allow', expiresAtMs: Number(more) };
      case 'only': {
        const topicFilter = more as TopicFilter;
        const rule = { effect: 'allow', actions: ['publish'], topicFilter, source: 'the test' } as const;
        return { decision: 'allow', permissions: { kind: 'rules', rules: [rule] } };
      }
      case 'no':
        return { decision: 'deny', reason: 'bad-credentials', detail: 'the test says so' };
      case 'fail':
        throw new Error('out of order');
      case 'hang':
        if (signal !== undefined) this.signals.push(signal);
        return new Promise(() => undefined);
      case 'much':
        return { decision: 'continue', data: new Uint8Array(500) };
      default:
        return { decision: 'continue', data: Buffer.from(`${said}?`) };
    }
  }
}

type Packet = theirs.Packet;

/** A client of MQTT 5 with its packets as mqtt-packet reads them. */
class Client5 {
  readonly #parser = theirs.parser({ protocolVersion: 5 });
  readonly #packets: Packet[] = [];
  #parsed = 0;

  constructor(
    readonly broker: BrokerHarness,
    readonly raw: InProcessClient,
  ) {
    this.#parser.on('packet', (packet) => this.#packets.push(packet));
  }

  send(packet: Packet): void {
    this.raw.send(theirs.generate(packet, { protocolVersion: 5 }));
  }

  connect(data: string | undefined, properties: object = {}, method: string | false = 'TALK'): void {
    const authentication = {
      ...(method !== false && { authenticationMethod: method }),
      ...(data !== undefined && { authenticationData: Buffer.from(data) }),
    };
    this.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clean: true,
      clientId: 'talker',
      keepalive: 0,
      properties: { ...authentication, ...properties },
    });
  }

  auth(reasonCode: number, data: string | Uint8Array, method = 'TALK'): void {
    const properties = { authenticationMethod: method, authenticationData: Buffer.from(data) };
    this.send({ cmd: 'auth', reasonCode, properties });
  }

  /** One line for each packet since the last call. */
  async heard(): Promise<string[]> {
    await this.broker.settled();
    const bytes = Buffer.from(this.raw.received.replaceAll(' ', ''), 'hex');
    this.#parser.parse(bytes.subarray(this.#parsed));
    this.#parsed = bytes.length;
    const lines = this.#packets.splice(0).map(lineOf);
    return this.raw.isClosed ? [...lines, 'closed'] : lines;
  }
}

function lineOf(packet: Packet): string {
  const { reasonCode, properties = {} } = packet as { reasonCode?: number; properties?: Record<string, unknown> };
  const { authenticationMethod, authenticationData, reasonString } = properties;
  const parts = [
    packet.cmd as string,
    reasonCode === undefined ? '' : `0x${reasonCode.toString(16).padStart(2, '0')}`,
    authenticationMethod as string | undefined,
    authenticationData === undefined ? '' : text(authenticationData as Uint8Array),
    reasonString === undefined ? '' : `(${reasonString as string})`,
  ];
  return parts.filter((part) => part !== '' && part !== undefined).join(' ');
}

const ANSWER = 0x18;
const AGAIN = 0x19;

function withTalking(
  run: (
    client: Client5,
    broker: BrokerHarness,
    authenticator: TalkingAuthenticator,
    another: () => Client5,
  ) => Promise<void>,
  options: HarnessOptions = {},
): Promise<void> {
  const authenticator = new TalkingAuthenticator();
  return withBroker(
    async (broker) => {
      const another = (): Client5 => new Client5(broker, broker.open('bytes'));
      await run(another(), broker, authenticator, another);
      await broker.expectOthersServed();
    },
    { authenticator, ...options },
  );
}

/** A client that is connected, and has heard so. */
async function connected(client: Client5, data = 'yes', properties = {}): Promise<void> {
  client.connect(data, properties);
  expect((await client.heard())[0]).toMatch(/^connack 0x00 TALK/);
}

describe('an exchange that begins with CONNECT', () => {
  test('[MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] goes on with AUTH 0x18 and the method of CONNECT, until CONNACK', () =>
    withTalking(async (client, _broker, authenticator) => {
      client.connect('hello');
      expect(await client.heard()).toEqual(['auth 0x18 TALK hello?']);
      client.auth(ANSWER, 'more');
      expect(await client.heard()).toEqual(['auth 0x18 TALK more?']);
      client.auth(ANSWER, 'yes');
      expect(await client.heard()).toEqual(['connack 0x00 TALK welcome']);
      expect(authenticator).toMatchObject({ begun: 1, ended: 1 });
    }));

  test('[MQTT-4.12.0-5] CONNACK names the method if the authenticator needs no challenge, and answers later', () =>
    withTalking(async (client) => {
      client.connect('later');
      expect(await client.heard()).toEqual(['connack 0x00 TALK']);
    }));

  test('[MQTT-4.12.0-1] a method that no authenticator has is refused with 0x8C', () =>
    withTalking(async (client) => {
      client.connect('hello', {}, 'none-such');
      expect(await client.heard()).toEqual([
        'connack 0x8c (no authenticator has the Authentication Method "none-such")',
        'closed',
      ]);
    }));

  test('[MQTT-4.12.0-4] the broker may refuse at any step, and says nothing about why', () =>
    withTalking(async (client, _broker, authenticator, another) => {
      client.connect('no');
      expect(await client.heard()).toEqual(['connack 0x86', 'closed']);
      const late = another();
      late.connect('hello');
      late.auth(ANSWER, 'no');
      expect(await late.heard()).toEqual(['auth 0x18 TALK hello?', 'connack 0x86', 'closed']);
      const failing = another();
      failing.connect('fail');
      expect(await failing.heard()).toEqual(['connack 0x88', 'closed']);
      expect(authenticator).toMatchObject({ begun: 3, ended: 3 });
    }));

  test('[MQTT-4.12.0-5] AUTH with another method than CONNECT is refused with 0x8C', () =>
    withTalking(async (client, _broker, authenticator) => {
      client.connect('hello');
      client.auth(ANSWER, 'yes', 'OTHER');
      expect((await client.heard()).slice(1)).toEqual([
        'connack 0x8c (AUTH names another Authentication Method than CONNECT)',
        'closed',
      ]);
      expect(authenticator).toMatchObject({ begun: 1, ended: 1 });
    }));

  test('[MQTT-4.12.0-6] without a method in CONNECT there is no AUTH, and no method in CONNACK', () =>
    withTalking(async (client, _broker, authenticator) => {
      client.connect(undefined, {}, false);
      expect(await client.heard()).toEqual(['connack 0x00']);
      expect(authenticator.begun).toBe(0);
    }));

  test('[MQTT-3.1.2-30] nothing but AUTH and DISCONNECT may come before CONNACK', () =>
    withTalking(async (client, broker, authenticator, another) => {
      client.connect('hello');
      client.send({ cmd: 'pingreq' });
      expect((await client.heard()).slice(1)).toEqual([
        'connack 0x82 (packet type 12 before CONNECT was answered)',
        'closed',
      ]);
      const leaving = another();
      leaving.connect('hello');
      leaving.send({ cmd: 'disconnect', reasonCode: 0 });
      expect((await leaving.heard()).slice(1)).toEqual(['closed']);
      expect(broker.endOf(leaving.raw)).toEqual({ reason: 'client-disconnect' });
      const early = another();
      early.connect('hello');
      early.auth(AGAIN, 'yes');
      expect((await early.heard())[1]).toBe('connack 0x82 (AUTH with 0x19 before authentication has ended)');
      expect(authenticator).toMatchObject({ begun: 3, ended: 3 });
    }));

  test('[MQTT5-authentication] has one time limit for all of its steps', () =>
    withTalking(
      async (client, broker, authenticator) => {
        client.connect('hello');
        await client.heard();
        await broker.advance(6000);
        client.auth(ANSWER, 'more');
        expect(await client.heard()).toEqual(['auth 0x18 TALK more?']);
        await broker.advance(3999);
        expect(await client.heard()).toEqual([]);
        await broker.advance(1);
        expect(await client.heard()).toEqual(['connack 0x87', 'closed']);
        expect(broker.endOf(client.raw)).toEqual({ reason: 'authentication-timeout' });
        expect(authenticator).toMatchObject({ begun: 1, ended: 1 });
      },
      { limits: { authTimeoutMs: 10_000 } },
    ));

  test('[MQTT5-authentication] that the authenticator does not answer in time ends with 0x88', () =>
    withTalking(
      async (client, broker, authenticator) => {
        client.connect('hang');
        await client.heard();
        await broker.advance(10_000);
        expect(await client.heard()).toEqual(['connack 0x88', 'closed']);
        expect(authenticator.signals.map(({ aborted }) => aborted)).toEqual([true]);
      },
      { limits: { authTimeoutMs: 10_000 } },
    ));

  test('[MQTT5-authentication] is cancelled when the client goes, whichever side has to answer', () =>
    withTalking(async (client, _broker, authenticator, another) => {
      client.connect('hang');
      await client.heard();
      await client.raw.cut();
      expect(authenticator.signals.map(({ aborted }) => aborted)).toEqual([true]);
      const challenged = another();
      challenged.connect('hello');
      await challenged.heard();
      await challenged.raw.cut();
      expect(authenticator).toMatchObject({ begun: 2, ended: 2 });
    }));

  test('[MQTT5-authentication] takes at most 16 KiB in one packet, and 16 packets', () =>
    withTalking(async (client, _broker, authenticator, another) => {
      client.connect('x'.repeat(16_385));
      expect(await client.heard()).toEqual(['connack 0x87', 'closed']);
      const talkative = another();
      talkative.connect('1');
      for (let i = 2; i <= 17; i++) talkative.auth(ANSWER, String(i));
      const heard = await talkative.heard();
      expect(heard).toHaveLength(18);
      expect(heard.slice(-3)).toEqual(['auth 0x18 TALK 16?', 'connack 0x87', 'closed']);
      expect(authenticator).toMatchObject({ begun: 1, ended: 1 });
    }));

  test('[MQTT5-authentication] counts as an incomplete packet while the client has to answer', () =>
    withTalking(
      async (client, broker, _authenticator, another) => {
        client.connect('hello', { userProperties: { filling: 'x'.repeat(40_000) } });
        expect(await client.heard()).toEqual(['auth 0x18 TALK hello?']);
        const second = another();
        second.connect('hello', { userProperties: { filling: 'x'.repeat(40_000) } });
        expect(await second.heard()).toEqual(['auth 0x18 TALK hello?']);
        expect(await client.heard()).toEqual(['closed']);
        expect(broker.endOf(client.raw)).toEqual({ reason: 'incomplete-packets' });
        second.auth(ANSWER, 'yes');
        expect(await second.heard()).toEqual(['connack 0x00 TALK welcome']);
      },
      { limits: { maxIncompleteBytes: 150_000 } },
    ));
});

describe('AUTH', () => {
  test('[MQTT-4.12.0-7] is a protocol error where CONNECT has no method', () =>
    withTalking(async (client) => {
      client.connect(undefined, {}, false);
      await client.heard();
      client.auth(AGAIN, 'yes');
      expect(await client.heard()).toEqual([
        'disconnect 0x82 (AUTH, where CONNECT has no Authentication Method)',
        'closed',
      ]);
    }));

  test('[MQTT-3.15.1-1] [MQTT-3.15.2-1] with flags, an unknown code, the code of a server or no method ends the connection', () =>
    withTalking(async (_client, _broker, authenticator, another) => {
      for (const [bytes, code] of [
        ['f1 00', '0x81'],
        ['f0 02 05 00', '0x81'],
        ['f0 02 00 00', '0x82'],
        ['f0 02 18 00', '0x82'],
      ] as const) {
        const early = another();
        early.connect('hello');
        await early.heard();
        early.raw.send(bytes);
        expect((await early.heard()).join()).toMatch(new RegExp(`^connack ${code} .*closed$`));
        const late = another();
        await connected(late);
        late.raw.send(bytes);
        expect((await late.heard()).join()).toMatch(new RegExp(`^disconnect ${code} .*closed$`));
      }
      expect(authenticator.ended).toBe(authenticator.begun);
    }));

  test('[MQTT-3.15.2-2] [MQTT-3.15.2-3] never exceeds the Maximum Packet Size of the client, and explains nothing', () =>
    withTalking(async (client, broker, _authenticator, another) => {
      await connected(client, 'yes', { maximumPacketSize: 100 });
      client.auth(AGAIN, 'hello');
      expect(await client.heard()).toEqual(['auth 0x18 TALK hello?']);
      client.auth(ANSWER, 'much');
      expect((await client.heard()).join()).toMatch(/^disconnect 0x95 .*closed$/);
      const early = another();
      early.connect('much', { maximumPacketSize: 100 });
      expect(await early.heard()).toEqual(['closed']);
      expect(broker.endOf(early.raw)).toEqual({ reason: 'packet-too-large' });
    }));
});

describe('a client that authenticates again', () => {
  test('[MQTT5-authentication] is served meanwhile, and learns the outcome with AUTH 0x00', () =>
    withTalking(async (client, _broker, authenticator) => {
      await connected(client);
      client.auth(AGAIN, 'hello');
      client.send({ cmd: 'pingreq' });
      expect(await client.heard()).toEqual(['auth 0x18 TALK hello?', 'pingresp']);
      client.send({ cmd: 'pingreq' });
      client.auth(ANSWER, 'yes');
      expect(await client.heard()).toEqual(['pingresp', 'auth 0x00 TALK welcome']);
      client.auth(AGAIN, 'yes');
      expect(await client.heard()).toEqual(['auth 0x00 TALK welcome']);
      expect(authenticator).toMatchObject({ begun: 3, ended: 3 });
      expect(authenticator.requests.map(({ isRenewal }) => isRenewal)).toEqual([false, true, true]);
    }));

  test('[MQTT5-authentication] is served while the authenticator works on it', () =>
    withTalking(async (client, _broker, authenticator) => {
      await connected(client);
      client.auth(AGAIN, 'hang');
      client.send({ cmd: 'pingreq' });
      expect(await client.heard()).toEqual(['pingresp']);
      await client.raw.cut();
      expect(authenticator.signals.map(({ aborted }) => aborted)).toEqual([true]);
      expect(authenticator).toMatchObject({ begun: 2, ended: 2 });
    }));

  test('[MQTT-4.12.1-1] with another method, or out of turn, is disconnected', () =>
    withTalking(async (_client, _broker, _authenticator, another) => {
      for (const [packets, code] of [
        [[[AGAIN, 'yes', 'OTHER']], '0x82'],
        [[[ANSWER, 'yes', 'TALK']], '0x82'],
        [
          [
            [AGAIN, 'hang', 'TALK'],
            [AGAIN, 'yes', 'TALK'],
          ],
          '0x82',
        ],
      ] as const) {
        const client = another();
        await connected(client);
        for (const [reasonCode, data, method] of packets) client.auth(reasonCode, data, method);
        expect((await client.heard()).join()).toMatch(new RegExp(`^disconnect ${code} .*closed$`));
      }
    }));

  test('[MQTT-4.12.1-2] and fails is disconnected with 0x87, and with 0x89 if that is not its fault', () =>
    withTalking(async (_client, broker, _authenticator, another) => {
      for (const [data, code] of [
        ['no', '0x87'],
        ['x'.repeat(16_385), '0x87'],
        ['fail', '0x89'],
      ] as const) {
        const client = another();
        await connected(client);
        client.auth(AGAIN, data);
        expect(await client.heard()).toEqual([`disconnect ${code}`, 'closed']);
        expect(broker.endOf(client.raw)).toEqual({ reason: 'reauthentication-failed' });
      }
    }));

  test('[MQTT5-authentication] stays the same user, and is reported', () =>
    withTalking(async (client, broker, authenticator) => {
      await connected(client, 'as alice');
      client.auth(AGAIN, 'as alice');
      expect(await client.heard()).toEqual(['auth 0x00 TALK']);
      client.auth(AGAIN, 'yes');
      expect(await client.heard()).toEqual(['auth 0x00 TALK welcome']);
      client.auth(AGAIN, 'as bob');
      expect(await client.heard()).toEqual(['disconnect 0x87', 'closed']);
      const reported = broker.events.filter(({ kind }) => kind === 'client-reauthenticated');
      expect(reported).toHaveLength(2);
      expect(reported[0]).toMatchObject({ method: 'TALK', userName: 'alice' });
      expect(authenticator.requests.map(({ userName }) => userName)).toEqual([undefined, 'alice', 'alice', 'alice']);
    }));

  test('[MQTT5-authentication] gets the permissions and the expiry of the new answer', () =>
    withTalking(async (client, broker) => {
      await connected(client, `until ${broker.clock.wallMs() + 5000}`);
      client.auth(AGAIN, 'only open/#');
      expect(await client.heard()).toEqual(['auth 0x00 TALK']);
      await broker.advance(6000);
      const publish = { cmd: 'publish', qos: 1, dup: false, retain: false, payload: 'x' } as const;
      client.send({ ...publish, topic: 'open/a', messageId: 1 });
      client.send({ ...publish, topic: 'closed', messageId: 2 });
      expect(await client.heard()).toEqual(['puback 0x10', 'puback 0x87']);
      client.auth(AGAIN, `until ${broker.clock.wallMs() + 5000}`);
      client.send({ ...publish, topic: 'closed', messageId: 3 });
      expect(await client.heard()).toEqual(['auth 0x00 TALK', 'puback 0x10']);
      await broker.advance(5000);
      expect((await client.heard())[0]).toMatch(/^disconnect 0xa0/);
    }));

  test('[MQTT5-authentication] has the same time limit', () =>
    withTalking(
      async (client, broker, authenticator) => {
        await connected(client);
        client.auth(AGAIN, 'hello');
        await client.heard();
        await broker.advance(6000);
        client.auth(ANSWER, 'more');
        await client.heard();
        await broker.advance(4000);
        expect(await client.heard()).toEqual(['disconnect 0x87', 'closed']);
        expect(authenticator).toMatchObject({ begun: 2, ended: 2 });
      },
      { limits: { authTimeoutMs: 10_000 } },
    ));
});
