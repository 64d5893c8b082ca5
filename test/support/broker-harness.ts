// A whole broker in the process of the test: memory network, memory storage, a clock that a test moves, and a record of
// every event. With it, the checks for a connection that is closed for a violation: only the expected bytes were sent,
// the event has the reason, and other clients are served as before.
import { expect } from '@jest/globals';
import { MemoryNetwork } from '../../adapters/network/memory/index.js';
import type { MemoryClient } from '../../adapters/network/memory/index.js';
import { MemoryStorage } from '../../adapters/storage/memory/index.js';
import type { BrokerService } from '../../src/application/service.js';
import { assembleBroker } from '../../src/testkit/assemble-broker.js';
import { DEFAULT_LIMITS } from '../../src/domain/limits.js';
import type { Limits } from '../../src/domain/limits.js';
import type {
  AccessAction,
  AccessRule,
  Authenticator,
  AuthenticatorAnswer,
  Authorizer,
  EndReason,
  Interceptor,
  LifecycleEvent,
  Listener,
  BrokerEvent,
  Permissions,
  RefusalReason,
  TopicFilter,
} from '../../src/ports/index.js';
import type { MalformedCode } from '../../src/protocol/malformed.js';
import { SeededRandom } from '../../src/testkit/seeded-random.js';
import { VirtualClock } from '../../src/testkit/virtual-clock.js';
import { InProcessActivity, InProcessClient } from '../clients/raw-client.js';
import type { Wire } from '../clients/raw-client.js';
import * as raw from '../clients/raw-packets.js';
import type { ConnectFields, Part } from '../clients/raw-packets.js';

/** The time on the clock when a test begins; any time would do. */
const BEGIN_MS = Date.UTC(2026, 0, 1);

export interface HarnessOptions {
  readonly limits?: Partial<Limits>;
  /** Instead of the one below. */
  readonly authenticator?: Authenticator;
  readonly authorizers?: readonly Authorizer[];
  readonly interceptors?: readonly Interceptor[];
  /** Beside the memory network. */
  readonly listeners?: readonly Listener[];
}

const rule = (effect: 'allow' | 'deny', actions: readonly AccessAction[], topicFilter: string): AccessRule => ({
  effect,
  actions,
  topicFilter: topicFilter as TopicFilter,
  source: 'the test',
});

/** Permits `open/#`, and no filter that reaches beyond it. */
const LIMITED: Permissions = {
  kind: 'rules',
  rules: [
    rule('allow', ['publish', 'subscribe'], 'open/#'),
    rule('deny', ['subscribe'], '#'),
    rule('allow', ['receive'], 'open/#'),
  ],
};

/**
 * The permissions by user name: `refused` has the wrong password, `forbidden` is not authorised, `broken` finds the
 * authentication out of order, `alice` needs the password `secret`, `limited` may use `open/#` and nothing else, and
 * all others everything.
 */
const TEST_AUTHENTICATOR: Authenticator = {
  name: 'test',
  authenticate({ userName, password }): AuthenticatorAnswer | Promise<AuthenticatorAnswer> {
    switch (userName ?? '') {
      case 'refused':
        return { decision: 'deny', reason: 'bad-credentials', detail: 'the test says so' };
      case 'forbidden':
        return { decision: 'deny', reason: 'not-authorized', detail: 'the test says so' };
      case 'broken':
        return Promise.reject(new Error('the test says so'));
      case 'alice':
        return password !== undefined && Buffer.from(password).toString() === 'secret'
          ? { decision: 'allow', permissions: { kind: 'allow-all' } }
          : { decision: 'deny', reason: 'bad-credentials', detail: 'not her password' };
      case 'limited':
        return { decision: 'allow', permissions: LIMITED };
      default:
        return { decision: 'allow', permissions: { kind: 'allow-all' } };
    }
  },
};

/** The expected end of a connection. */
export interface ExpectedEnd {
  readonly reason: EndReason | RefusalReason;
  readonly malformed?: MalformedCode;
  /** The bytes sent since the client last read, in hexadecimal; none by default. */
  readonly answer?: string;
}

export const malformed = (code: MalformedCode): ExpectedEnd => ({ reason: 'malformed-packet', malformed: code });

/** CONNACK with this return code, then the end. */
export const refused = (code: number, reason: RefusalReason): ExpectedEnd => ({
  reason,
  answer: raw.hex(raw.bytes('20 02 00', code)),
});

function memoryWire(client: MemoryClient, remoteAddress: string): Wire {
  return {
    write: (bytes) => void client.write(bytes),
    onData: (listener) => {
      client.onData(listener);
    },
    onClosed: (listener) => void client.closed.then(listener),
    end: () => {
      client.end();
    },
    destroy: () => {
      client.destroy();
    },
    pause: () => {
      client.pauseReading();
    },
    resume: () => {
      client.resumeReading();
    },
    remoteAddress,
  };
}

export class BrokerHarness {
  readonly clock = new VirtualClock(BEGIN_MS);
  readonly events: (BrokerEvent | LifecycleEvent)[] = [];
  readonly activity = new InProcessActivity();
  readonly network = new MemoryNetwork({ clock: this.clock });
  readonly #service: BrokerService;
  #connections = 0;
  #probes = 0;
  #bystander: InProcessClient | undefined;

  private constructor(options: HarnessOptions) {
    this.#service = assembleBroker({
      storage: new MemoryStorage(),
      listeners: [this.network, ...(options.listeners ?? [])],
      authenticators: [options.authenticator ?? TEST_AUTHENTICATOR],
      authorizers: options.authorizers ?? [],
      interceptors: options.interceptors,
      telemetry: [
        {
          emit: (event) => {
            this.activity.moved();
            this.events.push(event);
          },
        },
      ],
      clock: this.clock,
      random: new SeededRandom(1),
      limits: { ...DEFAULT_LIMITS, ...options.limits },
    });
  }

  static async start(options: HarnessOptions = {}): Promise<BrokerHarness> {
    const harness = new BrokerHarness(options);
    await harness.#service.start();
    return harness;
  }

  async stop(): Promise<void> {
    await this.#service.stop();
  }

  /** Reloads the broker with the default limits and these. */
  async reload(limits: Partial<Limits>): Promise<void> {
    await this.#service.reload({ limits: { ...DEFAULT_LIMITS, ...limits }, perListener: new Map() });
  }

  addressOf(listener: Listener): string {
    const address = this.#service.addresses.get(listener.name);
    if (address === undefined) throw new Error(`${listener.name} does not listen`);
    return address;
  }

  /** A network connection, and nothing sent on it. */
  open(mode: 'packets' | 'bytes' = 'packets'): InProcessClient {
    const remoteAddress = `test:${++this.#connections}`;
    return new InProcessClient(memoryWire(this.network.connect({ remoteAddress }), remoteAddress), this.activity, mode);
  }

  /** A client whose CONNECT was accepted, with any Session Present. */
  async connect(fields: ConnectFields | string = {}): Promise<InProcessClient> {
    return (await this.reconnect(fields)).client;
  }

  /** As `connect`, and returns Session Present. */
  async reconnect(fields: ConnectFields | string): Promise<{ client: InProcessClient; sessionPresent: boolean }> {
    const client = this.open();
    const connect = typeof fields === 'string' ? { clientId: fields } : fields;
    client.send(raw.connect(connect));
    const connack = await client.next('connack');
    expect(connack.code).toBe(0);
    // MQTT 3.1 has no such flag.
    if (connect.level === 3) expect(connack.sessionPresent).toBe(false);
    return { client, sessionPresent: connack.sessionPresent };
  }

  /** A client with these subscriptions, granted as asked for. */
  async watcher(
    clientId: string,
    ...requests: readonly (readonly [filter: string, qos: 0 | 1 | 2])[]
  ): Promise<InProcessClient> {
    const client = await this.connect(clientId);
    expect(await client.subscribe(...requests)).toEqual(requests.map(([, qos]) => qos));
    return client;
  }

  async settled(): Promise<void> {
    await this.activity.settled();
  }

  /** Moves the clock, and runs everything that is due. */
  async advance(ms: number): Promise<void> {
    await this.settled();
    await this.clock.advanceAsync(ms);
    await this.settled();
  }

  /** The reason in the event about the end of this connection. */
  endOf(client: InProcessClient): Pick<ExpectedEnd, 'reason' | 'malformed'> | undefined {
    for (const event of this.events) {
      if (event.kind === 'connection-refused' && event.remoteAddress === client.wire.remoteAddress)
        return { reason: event.reason };
      if (event.kind === 'connection-ended' && event.remoteAddress === client.wire.remoteAddress) {
        return event.malformed === undefined
          ? { reason: event.reason }
          : { reason: event.reason, malformed: event.malformed };
      }
    }
    return undefined;
  }

  /**
   * The broker has closed the connection, said nothing unexpected before, noticed why, and serves others. `label` is
   * for the failure.
   */
  async expectClosed(client: InProcessClient, expected: ExpectedEnd, label = ''): Promise<void> {
    await this.settled();
    const { answer = '', ...end } = expected;
    expect({ label, closed: client.isClosed, answer: client.takeUnread(), end: this.endOf(client) }).toEqual({
      label,
      closed: true,
      answer,
      end,
    });
    await this.expectOthersServed();
  }

  /** Sends the bytes as the first on a connection of their own, and expects it to end. */
  async closesAtFirst(label: string, sent: readonly Part[], expected: ExpectedEnd): Promise<void> {
    const client = this.open();
    client.send(...sent);
    await this.expectClosed(client, expected, label);
  }

  /** Sends the bytes behind an accepted CONNECT, and expects the connection to end. */
  async closesConnected(
    label: string,
    sent: readonly Part[],
    expected: ExpectedEnd,
    fields: ConnectFields = {},
  ): Promise<void> {
    const client = await this.connect({ clientId: `closing${++this.#probes}`, ...fields });
    client.send(...sent);
    await this.expectClosed(client, expected, label);
  }

  /**
   * A client connected since the first check and a new one both publish and receive.
   */
  async expectOthersServed(): Promise<void> {
    this.#bystander ??= await this.watcher('bystander', ['bystander', 1]);
    const later = await this.watcher(`later${++this.#probes}`, ['later', 1]);
    await later.publish({ topic: 'bystander', payload: 'to the bystander', qos: 1 });
    await this.#bystander.accept({ topic: 'bystander', payload: 'to the bystander', qos: 1 });
    await this.#bystander.publish({ topic: 'later', payload: 'to the later', qos: 1 });
    await later.accept({ topic: 'later', payload: 'to the later', qos: 1 });
    await later.disconnect();
    await this.#bystander.expectNothing();
  }
}

/** Runs a test with a broker, which is stopped in any case. */
export async function withBroker(
  run: (broker: BrokerHarness) => Promise<void>,
  options: HarnessOptions = {},
): Promise<void> {
  const broker = await BrokerHarness.start(options);
  try {
    await run(broker);
  } finally {
    await broker.stop();
  }
}
