// What every client of MQTT 5 plays, in its own language, and what it has to report.
import { expect } from '@jest/globals';

export const SCENARIOS = {
  connack: 'CONNACK names the client and the limits',
  session: 'a stored session keeps its messages until DISCONNECT ends it',
  will: 'a will waits for its delay, or the end of its session, and is cancelled by a return',
  expiry: 'a message expires, or comes with the rest of its time',
  aliases: 'messages have their topics when Topic Aliases are used',
  shared: 'two members share a subscription',
  request: 'a request gets its response, with its Correlation Data',
  properties: 'all properties of a message arrive in order, live and retained',
  identifiers: 'a message has the identifiers of its subscriptions',
  options: 'No Local, Retain As Published and Retain Handling hold',
  reasons: 'every refusal has its Reason Code',
  scram: 'a login with SCRAM, which both sides trust, again while connected, and with a wrong password',
} as const;

export type Scenario = keyof typeof SCENARIOS;
export type Report = Readonly<Record<string, unknown>>;
export type Reports = Readonly<Partial<Record<Scenario, Report>>>;

export const message = (topic: string, payload: string, more: object = {}): object => ({
  ...{ topic, payload, qos: 1, retain: false },
  ...more,
});

/** A will of the scenario; some clients cannot send all of it. */
export const will = (name: string, more: object = { contentType: 'text/plain' }): object =>
  message(`will/${name}`, 'gone', { userProperties: [['of', name]], ...more });

export const USER_PROPERTIES = [
  ['b', '1'],
  ['a', '2'],
  ['b', '3'],
  ['größe', ''],
];

/** The two messages of `properties`. */
export const greetings = (userProperties: unknown = USER_PROPERTIES): readonly object[] => {
  const properties = { contentType: 'text/plain', isText: true, userProperties };
  return [
    message('properties/live', 'Grüße', properties),
    message('properties/retained', 'Grüße', { ...properties, retain: true }),
  ];
};

/** The request and its response. */
export const exchange = (correlationData = '0001ff'): Report => ({
  request: message('request/sum', '1+2', { responseTopic: 'response/requester', correlationData }),
  response: message('response/requester', '3', { correlationData }),
});

export const LIMITS = { sessionExpiryMax: 3600, keepAliveMax: 120 };

/** Matches what the function accepts. */
const matching = (what: string, accepts: (value: unknown) => boolean): unknown => ({
  asymmetricMatch: accepts,
  toString: () => what,
  toAsymmetricMatcher: () => what,
});

/** Both members got some, each in order, and together each message once. */
const isShared = (members: unknown): boolean => {
  const sent = Array.from({ length: 10 }, (_, i) => JSON.stringify(message(`shared/${i}`, String(i))));
  const got = (members as Report[][]).map((messages) =>
    messages.map(({ topic, payload, qos, retain, ...rest }) =>
      JSON.stringify({ topic, payload, qos, retain, ...rest }),
    ),
  );
  const inOrder = got.every((messages) => messages.length > 0 && messages.join() === [...messages].sort().join());
  return inOrder && got.flat().sort().join() === sent.join();
};

/** The reports of a client that can do everything. */
export const EXPECTED: Readonly<Record<Scenario, Report>> = {
  connack: {
    assignedClientIdentifier: expect.stringMatching(/^auto-[\da-f]{32}$/),
    receiveMaximum: 1000,
    topicAliasMaximum: 10,
    serverKeepAlive: LIMITS.keepAliveMax,
    sessionExpiryInterval: LIMITS.sessionExpiryMax,
  },
  session: {
    present: [false, true, false],
    messages: [message('session/1', 'at 1'), message('session/2', 'at 2', { qos: 2 })],
  },
  will: { messages: [will('disconnected'), will('session-ended'), will('delayed')] },
  // The client waits for two seconds between the publication and the subscriber's return.
  expiry: {
    messages: [
      message('expiry/long', 'stays', {
        expiry: matching('1 to 99', (seconds) => Number(seconds) >= 1 && Number(seconds) <= 99),
      }),
    ],
  },
  aliases: { messages: ['0', '1', '2', '3', '4', '5'].map((text) => message(`alias/${Number(text) % 2}`, text)) },
  shared: { members: matching('ten messages, shared by two members in order', isShared) },
  request: exchange(),
  properties: { messages: greetings() },
  identifiers: {
    messages: [
      message('identifiers/both', 'x', { identifiers: [7, 200] }),
      message('identifiers/only/one', 'y', { identifiers: [7] }),
    ],
  },
  options: { messages: [message('options/after', 'wanted', { retain: true })] },
  reasons: {
    // With QoS 1, and with QoS 2 in PUBREC.
    unheard: [0x10, 0x10],
    denied: [0x87, 0x87],
    subscribed: [0x87, 1],
    unsubscribed: [0, 0x11],
    takenOver: 0x8e,
  },
  scram: { isTrusted: true, again: true, wrong: 0x86 },
};

/** The reports of a program that printed one JSON line for each scenario. */
export function reportsIn(output: string): Reports {
  const lines = output.trimEnd().split('\n');
  return Object.fromEntries(
    lines.filter(Boolean).map((line): [string, Report] => {
      const { scenario, ...report } = JSON.parse(line) as Report;
      return [String(scenario), report];
    }),
  );
}
