// What the contract of interceptors shows: packets of every kind, valid as the broker checks them, of clients of every
// version. Samples are made again whenever they are needed, so that one that was changed differs from the next.
import type {
  ClientId,
  ClientView,
  ConnectRequest,
  DeliveredMessage,
  Properties,
  ProtocolVersion,
  PublishRequest,
  SubscribeRequest,
  TopicName,
  UnsubscribeRequest,
} from '../../ports/index.js';
import { UserProperties } from '../../ports/index.js';
import { EVERY_PROPERTY, payloadOf } from '../storage-contract/samples.js';

/** Samples of the interceptor's author: shown besides those of the kit. All have to be valid in MQTT. */
export interface InterceptorSamples {
  readonly topics?: readonly string[];
  readonly topicFilters?: readonly string[];
  readonly payloads?: readonly Uint8Array[];
  readonly clients?: readonly Partial<ClientView>[];
}

export interface Shown<Request> {
  /** For the report. */
  readonly what: string;
  readonly request: Request;
  readonly client: ClientView;
}

/** What each method is shown. */
export interface Samples {
  readonly connect: readonly Shown<ConnectRequest>[];
  readonly publish: readonly Shown<PublishRequest>[];
  readonly subscribe: readonly Shown<SubscribeRequest>[];
  readonly unsubscribe: readonly Shown<UnsubscribeRequest>[];
  readonly deliver: readonly Shown<DeliveredMessage>[];
}

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const TOPICS = ['a', 'sensors/meter-7/power', '/', 'a//b', '$custom/a', 'é/\u{1f600}', `long/${'x'.repeat(1000)}`];
const FILTERS = ['a', '#', '+/b', 'sensors/+/power', '/', '$custom/#', '$share/group/a/+', 'é/\u{1f600}'];
const TEXT = new TextEncoder().encode('{"watts": 230}');
const LARGE_BYTES = 256 * 1024;

/** New values at each call. */
export function samplesWith(own: InterceptorSamples): Samples {
  const clients = [
    ...VERSIONS.map((protocolVersion) => clientOf({ protocolVersion })),
    clientOf({ clientId: '__proto__', userName: undefined }),
    clientOf({ clientId: 'a/+/#', userName: '' }),
    ...(own.clients ?? []).map(clientOf),
  ];
  const topics = [...TOPICS, ...(own.topics ?? [])];
  const filters = [...FILTERS, ...(own.topicFilters ?? [])];
  const payloads = [TEXT, new Uint8Array(), payloadOf(256), payloadOf(LARGE_BYTES), ...(own.payloads ?? [])];
  return {
    connect: clients.flatMap(connects),
    publish: clients.flatMap((client) => publishes(client, topics, payloads)),
    subscribe: clients.flatMap((client) => subscribes(client, filters)),
    unsubscribe: clients.flatMap((client) => unsubscribes(client, filters)),
    deliver: clients.flatMap((client) => deliveries(client, topics, payloads)),
  };
}

const clientOf = (parts: Partial<ClientView>): ClientView => ({
  clientId: 'meter-7',
  userName: 'ann',
  protocolVersion: 5,
  listener: 'contract',
  peer: { remoteAddress: '127.0.0.1:51234', ipAddress: '127.0.0.1' },
  ...parts,
});

const of = <Request>(client: ClientView, kind: string, what: string, request: Request): Shown<Request> => ({
  what: `${kind} ${what} of the client ${JSON.stringify(client.clientId)}, version ${client.protocolVersion}`,
  request,
  client,
});

/** The properties, where the client's version has them. */
const inVersion5 = <T extends object>(client: ClientView, properties: T): T | undefined =>
  client.protocolVersion === 5 ? properties : undefined;

const USER_PROPERTIES = UserProperties.of([
  ['name', 'value'],
  ['name', 'another value'],
  ['', ''],
]);

const EVERY_CONNECT_PROPERTY: Properties = {
  sessionExpiryInterval: 3600,
  receiveMaximum: 10,
  maximumPacketSize: 1_000_000,
  topicAliasMaximum: 10,
  requestResponseInformation: 1,
  requestProblemInformation: 0,
  authenticationMethod: 'SCRAM-SHA-256',
  authenticationData: payloadOf(20),
  userProperties: USER_PROPERTIES,
};

function connects(client: ClientView): Shown<ConnectRequest>[] {
  const { clientId, userName } = client;
  const plain: ConnectRequest = {
    clientId,
    clean: true,
    keepAlive: 60,
    userName: undefined,
    password: undefined,
    will: undefined,
    properties: inVersion5(client, {}),
  };
  const will = {
    topic: 'last/will',
    payload: TEXT.slice(),
    qos: 1,
    retain: true,
    properties: inVersion5(client, { ...EVERY_PROPERTY, willDelayInterval: 30 }),
  } as const;
  const properties = inVersion5(client, EVERY_CONNECT_PROPERTY);
  return [
    of(client, 'CONNECT', 'without anything', plain),
    of(client, 'CONNECT', 'without a Client Identifier', { ...plain, clientId: '' }),
    of(client, 'CONNECT', 'with everything', {
      ...plain,
      clean: false,
      keepAlive: 0,
      userName: userName ?? 'ann',
      password: payloadOf(20),
      will,
      properties,
    }),
  ];
}

function publishes(
  client: ClientView,
  topics: readonly string[],
  payloads: readonly Uint8Array[],
): Shown<PublishRequest>[] {
  const message = (parts: Partial<PublishRequest> & { readonly topic: TopicName }): PublishRequest => ({
    payload: TEXT.slice(),
    qos: 1,
    retain: false,
    properties: undefined,
    isWill: false,
    ...parts,
  });
  const topic = topics[1] as TopicName;
  const ofMessage = (what: string, request: PublishRequest) => of(client, 'PUBLISH', what, request);
  return [
    ...topics.map((each) => ofMessage(`to ${JSON.stringify(each)}`, message({ topic: each as TopicName }))),
    ...payloads.map((payload) =>
      ofMessage(`with ${payload.length} bytes`, message({ topic, payload: payload.slice() })),
    ),
    ...([0, 1, 2] as const).map((qos) => ofMessage(`at QoS ${qos}, retained`, message({ topic, qos, retain: true }))),
    ofMessage('with every property', message({ topic, properties: inVersion5(client, { ...EVERY_PROPERTY }) })),
    ofMessage('as a will', message({ topic, isWill: true })),
    ofMessage(
      'as a will with every property',
      message({
        topic,
        isWill: true,
        properties: inVersion5(client, { ...EVERY_PROPERTY, willDelayInterval: 30 }),
      }),
    ),
  ];
}

const subscriptionTo = (topicFilter: string): SubscribeRequest['subscriptions'][number] => ({
  topicFilter,
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
});

function subscribes(client: ClientView, filters: readonly string[]): Shown<SubscribeRequest>[] {
  const ofRequest = (what: string, request: SubscribeRequest) => of(client, 'SUBSCRIBE', what, request);
  const all = filters.map(subscriptionTo);
  return [
    ...filters.map((filter) =>
      ofRequest(`to ${JSON.stringify(filter)}`, { subscriptions: [subscriptionTo(filter)], properties: undefined }),
    ),
    ofRequest('to many', { subscriptions: all, properties: undefined }),
    ofRequest('with every option and property', {
      subscriptions:
        client.protocolVersion < 5
          ? all
          : [{ ...subscriptionTo('a/b'), qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 }],
      properties: inVersion5(client, { subscriptionIdentifiers: [7], userProperties: USER_PROPERTIES }),
    }),
  ];
}

function unsubscribes(client: ClientView, filters: readonly string[]): Shown<UnsubscribeRequest>[] {
  const ofRequest = (what: string, request: UnsubscribeRequest) => of(client, 'UNSUBSCRIBE', what, request);
  return [
    ...filters.map((filter) =>
      ofRequest(`from ${JSON.stringify(filter)}`, { topicFilters: [filter], properties: undefined }),
    ),
    ofRequest('from many', {
      topicFilters: [...filters],
      properties: inVersion5(client, { userProperties: USER_PROPERTIES }),
    }),
  ];
}

function deliveries(
  client: ClientView,
  topics: readonly string[],
  payloads: readonly Uint8Array[],
): Shown<DeliveredMessage>[] {
  return publishes(client, topics, payloads)
    .filter(({ request }) => !request.isWill)
    .map(({ what, request }, index) => {
      const { topic, payload, qos, retain } = request;
      // A message has its properties whatever the version of the client is that gets it.
      const properties = index % 2 === 0 ? undefined : { ...EVERY_PROPERTY };
      const publisher = index % 3 === 0 ? undefined : ('publisher' as ClientId);
      return {
        what: `the delivery of a ${what}`,
        request: { topic, payload, qos, retain, properties, publisher },
        client,
      };
    });
}
