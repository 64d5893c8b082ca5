// The scenarios with MQTT.js speaking MQTT 5, in Node over TCP and in a browser over WebSocket: the same file in both.

const HOUR = 3600;
const bytes = (...values) => new Uint8Array(values);
const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const text = (data) => new TextDecoder().decode(data);

/** MQTT.js has user properties as an object: names in the order of their first values. */
const pairs = (properties) =>
  Object.entries(properties).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));

/** A received message as every client of the suite reports it. `topic`: MQTT.js has resolved its alias. */
function reported(topic, { payload, qos, retain, properties = {} }) {
  const { correlationData, userProperties, subscriptionIdentifier } = properties;
  return {
    ...{ topic, payload: text(payload), qos, retain },
    expiry: properties.messageExpiryInterval,
    contentType: properties.contentType,
    responseTopic: properties.responseTopic,
    isText: properties.payloadFormatIndicator,
    correlationData: correlationData && hex(correlationData),
    userProperties: userProperties && pairs(userProperties),
    identifiers: subscriptionIdentifier && [subscriptionIdentifier].flat(),
  };
}

class Peer {
  #messages = [];
  #waiting;

  constructor(mqtt) {
    this.mqtt = mqtt;
    mqtt.on('message', (topic, _payload, packet) => {
      this.#messages.push(reported(topic, packet));
      this.#waiting?.();
    });
    mqtt.on('error', () => undefined);
  }

  async receive(count) {
    while (this.#messages.length < count) await new Promise((resolve) => (this.#waiting = resolve));
    return this.#messages.splice(0, count);
  }

  subscribe(filter, options = {}) {
    return this.mqtt.subscribeAsync(filter, { qos: 1, ...options });
  }

  publish(topic, payload, properties = {}, options = {}) {
    return this.mqtt.publishAsync(topic, payload, { qos: 1, properties, ...options });
  }

  /** The next packet of this kind. */
  next(kind) {
    return new Promise((resolve) => {
      const look = (packet) => {
        if (packet.cmd !== kind) return;
        this.mqtt.off('packetreceive', look);
        resolve(packet);
      };
      this.mqtt.on('packetreceive', look);
    });
  }

  end(reasonCode = 0, properties = {}) {
    return this.mqtt.endAsync(false, { reasonCode, properties });
  }

  /** The connection is lost without a DISCONNECT. In a browser, the stream leaves its WebSocket open. */
  vanish() {
    const { stream } = this.mqtt;
    if (stream.socket === undefined) stream.destroy();
    else stream.socket.close();
  }
}

function clientOf(mqtt, url) {
  return (clientId, { handleAuth, ...options } = {}) => {
    const client = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0, clientId, ...options });
    if (handleAuth !== undefined) client.handleAuth = handleAuth;
    const peer = new Peer(client);
    return new Promise((resolve, reject) => {
      client.once('connect', (connack) => resolve(Object.assign(peer, { connack })));
      client.once('error', reject);
    });
  };
}

/** Connects with a session that outlives the connection. */
const stored = (more = {}) => ({
  clean: false,
  ...more,
  properties: { sessionExpiryInterval: 300, ...more.properties },
});

const SCENARIOS = {
  async connack(connect) {
    const { connack } = await connect('', {
      keepalive: 600,
      ...stored({ clean: true, properties: { sessionExpiryInterval: 2 * HOUR } }),
    });
    const { assignedClientIdentifier, receiveMaximum, topicAliasMaximum, serverKeepAlive, sessionExpiryInterval } =
      connack.properties;
    return { assignedClientIdentifier, receiveMaximum, topicAliasMaximum, serverKeepAlive, sessionExpiryInterval };
  },

  async session(connect) {
    const first = await connect('session', stored());
    await first.subscribe('session/+', { qos: 2 });
    await first.end();
    const publisher = await connect('session-publisher');
    for (const qos of [1, 2]) await publisher.publish(`session/${qos}`, `at ${qos}`, {}, { qos });
    const second = await connect('session', stored());
    const messages = await second.receive(2);
    await second.end(0, { sessionExpiryInterval: 0 });
    const third = await connect('session', stored());
    return { present: [first, second, third].map(({ connack }) => connack.sessionPresent), messages };
  },

  async will(connect) {
    const watcher = await connect('will-watcher');
    await watcher.subscribe('will/+');
    const withWill = (name, willDelayInterval) => {
      const properties = { willDelayInterval, contentType: 'text/plain', userProperties: { of: name } };
      return connect(
        `will-${name}`,
        stored({ will: { topic: `will/${name}`, payload: 'gone', qos: 1, retain: false, properties } }),
      );
    };
    await (await withWill('disconnected', 0)).end(4);
    const messages = await watcher.receive(1);
    // The end of a session publishes a will that waits; this one does not wait any more.
    (await withWill('cancelled', 300)).vanish();
    await (await connect('will-cancelled', stored())).end(0, { sessionExpiryInterval: 0 });
    (await withWill('session-ended', 300)).vanish();
    await connect('will-session-ended');
    messages.push(...(await watcher.receive(1)));
    (await withWill('delayed', 1)).vanish();
    return { messages: [...messages, ...(await watcher.receive(1))] };
  },

  async expiry(connect) {
    const away = await connect('expiry', stored());
    await away.subscribe('expiry/+');
    await away.end();
    const publisher = await connect('expiry-publisher');
    await publisher.publish('expiry/short', 'expires', { messageExpiryInterval: 1 });
    await publisher.publish('expiry/long', 'stays', { messageExpiryInterval: 100 });
    await pause(2000);
    return { messages: await (await connect('expiry', stored())).receive(1) };
  },

  async aliases(connect) {
    const subscriber = await connect('aliases-subscriber', { properties: { topicAliasMaximum: 5 } });
    await subscriber.subscribe('alias/+');
    const publisher = await connect('aliases-publisher', { autoAssignTopicAlias: true });
    for (let i = 0; i < 6; i++) await publisher.publish(`alias/${i % 2}`, String(i));
    return { messages: await subscriber.receive(6) };
  },

  async shared(connect) {
    const members = await Promise.all([connect('shared-1'), connect('shared-2')]);
    for (const member of members) await member.subscribe(['$share/group/shared/+', 'end']);
    const publisher = await connect('shared-publisher');
    for (let i = 0; i < 10; i++) await publisher.publish(`shared/${i}`, String(i));
    await publisher.publish('end', 'end');
    return { members: await Promise.all(members.map(untilEnd)) };
  },

  async request(connect) {
    const [responder, requester] = await Promise.all([connect('responder'), connect('requester')]);
    await responder.subscribe('request/+');
    await requester.subscribe('response/requester');
    await requester.publish('request/sum', '1+2', {
      responseTopic: 'response/requester',
      correlationData: bytes(0, 1, 255),
    });
    const [request] = await responder.receive(1);
    const correlationData = bytes(...request.correlationData.match(/../g).map((digits) => parseInt(digits, 16)));
    await responder.publish(request.responseTopic, '3', { correlationData });
    return { request, response: (await requester.receive(1))[0] };
  },

  async properties(connect) {
    const [subscriber, publisher] = await Promise.all([connect('properties'), connect('properties-publisher')]);
    await subscriber.subscribe('properties/live');
    const userProperties = { b: ['1', '3'], a: '2', größe: '' };
    const properties = { payloadFormatIndicator: true, contentType: 'text/plain', userProperties };
    await publisher.publish('properties/live', 'Grüße', properties);
    await publisher.publish('properties/retained', 'Grüße', properties, { retain: true });
    const messages = await subscriber.receive(1);
    await subscriber.subscribe('properties/retained');
    return { messages: [...messages, ...(await subscriber.receive(1))] };
  },

  async identifiers(connect) {
    const [subscriber, publisher] = await Promise.all([connect('identifiers'), connect('identifiers-publisher')]);
    await subscriber.subscribe('identifiers/#', { properties: { subscriptionIdentifier: 7 } });
    await subscriber.subscribe('identifiers/+', { properties: { subscriptionIdentifier: 200 } });
    await publisher.publish('identifiers/both', 'x');
    await publisher.publish('identifiers/only/one', 'y');
    return { messages: await subscriber.receive(2) };
  },

  async options(connect) {
    const [subscriber, publisher] = await Promise.all([connect('options'), connect('options-publisher')]);
    await publisher.publish('options/before', 'not wanted', {}, { retain: true });
    await subscriber.subscribe('options/+', { nl: true, rap: true, rh: 2 });
    await subscriber.publish('options/own', 'not wanted');
    await publisher.publish('options/after', 'wanted', {}, { retain: true });
    return { messages: await subscriber.receive(1) };
  },

  async reasons(connect) {
    const peer = await connect('reasons');
    const of = async (action, kind) => {
      const packet = peer.next(kind);
      await action.catch(() => undefined);
      return (await packet).reasonCode;
    };
    const unheard = [
      await of(peer.publish('unheard', 'x'), 'puback'),
      await of(peer.publish('unheard', 'x', {}, { qos: 2 }), 'pubrec'),
    ];
    const denied = [
      await of(peer.publish('forbidden/x', 'x'), 'puback'),
      await of(peer.publish('forbidden/x', 'x', {}, { qos: 2 }), 'pubrec'),
    ];
    const suback = peer.next('suback');
    await peer.subscribe(['forbidden/x', 'allowed']).catch(() => undefined);
    const unsuback = peer.next('unsuback');
    await peer.mqtt.unsubscribeAsync(['allowed', 'unknown']).catch(() => undefined);
    const disconnect = peer.next('disconnect');
    await connect('reasons');
    return {
      unheard,
      denied,
      subscribed: (await suback).granted,
      unsubscribed: (await unsuback).granted,
      takenOver: (await disconnect).reasonCode,
    };
  },

  async scram(connect) {
    const login = async (password) => {
      const scram = new Scram('alice', password);
      const authenticationMethod = 'SCRAM-SHA-256';
      const properties = { authenticationMethod, authenticationData: scram.first };
      const handleAuth = async ({ properties: { authenticationData } }, done) => {
        const data = await scram.answer(text(authenticationData));
        done(undefined, {
          cmd: 'auth',
          reasonCode: 0x18,
          properties: { authenticationMethod, authenticationData: data },
        });
      };
      return { scram, peer: await connect('', { properties, handleAuth }) };
    };
    const { scram, peer } = await login('secret');
    const isTrusted = text(peer.connack.properties.authenticationData) === scram.verifier;
    return { isTrusted, wrong: await login('wrong').catch(({ code }) => code) };
  },
};

/** The messages before the one to `end`. */
async function untilEnd(peer) {
  const messages = [];
  for (;;) {
    const [message] = await peer.receive(1);
    if (message.topic === 'end') return messages;
    messages.push(message);
  }
}

/** The client's side of SCRAM-SHA-256, with what browsers have: crypto.subtle. */
class Scram {
  constructor(user, password) {
    this.password = password;
    this.bare = `n=${user},r=${hex(crypto.getRandomValues(new Uint8Array(18)))}`;
    this.first = new TextEncoder().encode(`n,,${this.bare}`);
  }

  async answer(challenge) {
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge);
    const salted = await pbkdf2(
      this.password,
      Uint8Array.from(atob(salt), (char) => char.charCodeAt(0)),
      Number(iterations),
    );
    const clientKey = await hmac(salted, 'Client Key');
    const message = `${this.bare},${challenge},c=biws,r=${nonce}`;
    const signature = await hmac(new Uint8Array(await crypto.subtle.digest('SHA-256', clientKey)), message);
    this.verifier = `v=${base64(await hmac(await hmac(salted, 'Server Key'), message))}`;
    const proof = clientKey.map((byte, index) => byte ^ signature[index]);
    return new TextEncoder().encode(`c=biws,r=${nonce},p=${base64(proof)}`);
  }
}

const base64 = (data) => btoa(String.fromCharCode(...data));

async function hmac(key, message) {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, new TextEncoder().encode(message)));
}

async function pbkdf2(password, salt, iterations) {
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, ['deriveBits']);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, key, 256),
  );
}

/** Runs all scenarios, and reports a line for each. */
export async function run(mqtt, url, report) {
  for (const [scenario, play] of Object.entries(SCENARIOS)) {
    const peers = [];
    const connect = clientOf(mqtt, url);
    const got = await play(async (...args) => {
      const peer = await connect(...args);
      peers.push(peer);
      return peer;
    });
    for (const { mqtt: client } of peers) client.end(true);
    await report(JSON.stringify({ scenario, ...got }));
  }
}
