// The differences of MQTT V3.1 (IBM and Eurotech, 2010) from MQTT 3.1.1 for a broker. Its text has no numbered
// statements: the ids are ours, the sections are those of the text. Each has the rule of 3.1 and, where 3.1 leaves a
// choice or hexmq departs from it, the behaviour of hexmq.
import type { Statement } from './statements-311.js';

const CONNECTING = 'Connecting';
const PACKETS = 'Packets and strings';
const DELIVERY = 'Publishing and delivery';
const SUBSCRIBING = 'Subscribing';
const END = 'The end of connections and sessions';

export const DIFFERENCES_31: readonly Statement[] = [
  {
    id: 'MQTT31-protocol-name-level',
    section: CONNECTING,
    binds: 'both',
    summary: 'The protocol name is MQIsdp and the level 3. (Section 3.1)',
  },
  {
    id: 'MQTT31-name-level-pair',
    section: CONNECTING,
    binds: 'server',
    summary:
      'A level that does not go with the name may be answered by return code 1, and the connection is closed. hexmq answers, to both names. (3.1)',
  },
  {
    id: 'MQTT31-bridge-level',
    section: CONNECTING,
    binds: 'server',
    summary:
      'The level of some bridges, with its highest bit set, is in no specification: hexmq refuses it as any unknown level.',
  },
  {
    id: 'MQTT31-client-id-length',
    section: CONNECTING,
    binds: 'server',
    summary:
      'More than 23 characters are to be refused with return code 2. hexmq accepts them, unless strict31ClientId is set. (3.1)',
  },
  {
    id: 'MQTT31-client-id-empty',
    section: CONNECTING,
    binds: 'server',
    summary: 'No identifier is refused with return code 2, whatever Clean Session says. (3.1)',
  },
  {
    id: 'MQTT31-client-id-characters',
    section: CONNECTING,
    binds: 'server',
    summary: 'No set of characters is prescribed: hexmq accepts every valid string. (3.1)',
  },
  {
    id: 'MQTT31-connect-flags-reserved-bit',
    section: CONNECTING,
    binds: 'server',
    summary: 'The lowest connect flag is unused and is not checked. (3.1)',
  },
  {
    id: 'MQTT31-will-bits',
    section: CONNECTING,
    binds: 'server',
    summary: 'Where the Will Flag is missing, its QoS and RETAIN mean nothing. (3.1)',
  },
  {
    id: 'MQTT31-will-qos-3',
    section: CONNECTING,
    binds: 'both',
    summary: 'Will QoS 3 is not defined: hexmq closes, as for 3.1.1. (2.2)',
  },
  {
    id: 'MQTT31-credentials-left-out',
    section: CONNECTING,
    binds: 'server',
    summary: 'User name and password may be missing behind their flags: the Remaining Length decides. (3.1)',
  },
  {
    id: 'MQTT31-password-without-user-name',
    section: CONNECTING,
    binds: 'both',
    summary: 'A Password Flag without the User Name Flag is not valid: hexmq closes. (2.2)',
  },
  {
    id: 'MQTT31-binary-fields',
    section: CONNECTING,
    binds: 'server',
    summary: 'Password and Will message are called strings; hexmq takes any bytes, as 3.1.1 does. (3.1)',
  },
  {
    id: 'MQTT31-session-present',
    section: CONNECTING,
    binds: 'server',
    summary: 'CONNACK cannot say that there is a session: its first byte is reserved, and hexmq leaves it 0. (3.2)',
  },
  {
    id: 'MQTT31-return-codes',
    section: CONNECTING,
    binds: 'server',
    summary: 'The return codes are those of 3.1.1, and a refusal is followed by a close. (3.2)',
  },
  {
    id: 'MQTT31-takeover',
    section: CONNECTING,
    binds: 'server',
    summary: 'A client with an identifier in use disconnects the older one, also one of another version. (3.1)',
  },
  {
    id: 'MQTT31-before-connack',
    section: CONNECTING,
    binds: 'server',
    summary: 'Packets before CONNACK are not spoken of: hexmq takes them, as for 3.1.1.',
  },
  {
    id: 'MQTT31-second-connect',
    section: CONNECTING,
    binds: 'server',
    summary: 'A second CONNECT closes the connection. (3.1)',
  },

  {
    id: 'MQTT31-flags-unused',
    section: PACKETS,
    binds: 'server',
    summary: 'In packets that have no use for the flag bits, these are unused and not checked; hexmq sends 0. (2.1, 3)',
  },
  {
    id: 'MQTT31-dup-on-requests',
    section: PACKETS,
    binds: 'server',
    summary:
      'PUBREL, SUBSCRIBE and UNSUBSCRIBE have QoS 1 and may have DUP; RETAIN is unused. Another QoS closes. (3.6, 3.8, 3.10)',
  },
  {
    id: 'MQTT31-dup-at-qos-0',
    section: PACKETS,
    binds: 'server',
    summary: 'DUP at QoS 0 is not forbidden: hexmq takes it, and does not hand it on. (2.1)',
  },
  { id: 'MQTT31-publish-qos-3', section: PACKETS, binds: 'server', summary: 'QoS 3 is reserved: hexmq closes. (2.1)' },
  {
    id: 'MQTT31-remaining-length',
    section: PACKETS,
    binds: 'both',
    summary: 'The Remaining Length ends with its fourth byte: hexmq closes at a fifth. (2.1)',
  },
  {
    id: 'MQTT31-utf8',
    section: PACKETS,
    binds: 'server',
    summary:
      'Nothing is said of ill-formed strings: hexmq is as strict as 3.1.1, also about the encoding that Java calls modified. (2.5)',
  },
  {
    id: 'MQTT31-null-character',
    section: PACKETS,
    binds: 'both',
    summary: 'U+0000 has no place in topics: hexmq closes, in whatever string. (Appendix A)',
  },
  {
    id: 'MQTT31-packet-id-zero',
    section: PACKETS,
    binds: 'both',
    summary: 'Packet Identifier 0 is not valid: hexmq closes. (2.4)',
  },

  {
    id: 'MQTT31-publish-not-authorized',
    section: DELIVERY,
    binds: 'server',
    summary:
      'A publish that is not allowed is to be acknowledged as others are. hexmq departs from it and disconnects, since an acknowledgement here means that the message was taken. (3.3)',
  },
  {
    id: 'MQTT31-topic-names',
    section: DELIVERY,
    binds: 'both',
    summary:
      'Two limits of length are given: hexmq has that of 3.1.1. Wildcards and empty names close. (2.2, Appendix A)',
  },
  {
    id: 'MQTT31-dollar-topics',
    section: DELIVERY,
    binds: 'server',
    summary: 'Nothing is said of topics that begin with $: they are hidden from leading wildcards as in 3.1.1.',
  },
  {
    id: 'MQTT31-retained',
    section: DELIVERY,
    binds: 'server',
    summary: '3.1 recommends for retained messages what 3.1.1 demands; hexmq does it for both. (2.1, 3.3)',
  },
  {
    id: 'MQTT31-repeats-on-live-connection',
    section: DELIVERY,
    binds: 'server',
    summary:
      'Clients may repeat PUBLISH, PUBREL, SUBSCRIBE and UNSUBSCRIBE after a time: each is acknowledged again, and a QoS 2 message delivered once. hexmq itself repeats nothing while the connection stands. (4.1, 4.2)',
  },
  {
    id: 'MQTT31-repeats-on-reconnect',
    section: DELIVERY,
    binds: 'server',
    summary: 'Open deliveries are repeated with DUP when the client comes back without Clean Session. (4.2)',
  },
  {
    id: 'MQTT31-qos-1-duplicate',
    section: DELIVERY,
    binds: 'server',
    summary: 'A QoS 1 message that comes twice is delivered twice and acknowledged twice. (4.1)',
  },
  {
    id: 'MQTT31-versions-together',
    section: DELIVERY,
    binds: 'server',
    summary: 'Clients of 3.1 and 3.1.1 reach each other at every QoS.',
  },

  {
    id: 'MQTT31-suback-codes',
    section: SUBSCRIBING,
    binds: 'server',
    summary: 'SUBACK has the granted QoS 0, 1 or 2, and no code for a failure. (3.9)',
  },
  {
    id: 'MQTT31-subscribe-not-authorized',
    section: SUBSCRIBING,
    binds: 'server',
    summary:
      'A client is not told that a subscription is not allowed. hexmq departs from it and disconnects, since a granted QoS would be a lie. (1.1, 3.8)',
  },
  {
    id: 'MQTT31-requested-qos-upper-bits',
    section: SUBSCRIBING,
    binds: 'server',
    summary: 'The upper six bits beside a requested QoS are unused: hexmq disregards them. (3.8)',
  },
  {
    id: 'MQTT31-requested-qos-3',
    section: SUBSCRIBING,
    binds: 'server',
    summary: 'A requested QoS of 3 closes the connection. (3.8)',
  },
  {
    id: 'MQTT31-empty-requests',
    section: SUBSCRIBING,
    binds: 'server',
    summary: 'SUBSCRIBE and UNSUBSCRIBE without a filter are not spoken of: hexmq closes, as for 3.1.1.',
  },
  {
    id: 'MQTT31-resubscribe',
    section: SUBSCRIBING,
    binds: 'server',
    summary:
      'The same filter again is not spoken of: it replaces the subscription and brings retained messages again, as in 3.1.1.',
  },

  {
    id: 'MQTT31-keep-alive-will',
    section: END,
    binds: 'server',
    summary:
      'One and a half silent intervals end the connection. Of the Will two passages disagree: hexmq publishes it. (2.2)',
  },
  {
    id: 'MQTT31-disconnect',
    section: END,
    binds: 'server',
    summary: 'DISCONNECT makes the broker close and forget the Will. (3.14)',
  },
  {
    id: 'MQTT31-clean-session',
    section: END,
    binds: 'server',
    summary:
      'Clean Session 0 keeps subscriptions, waiting and open messages; 1 drops them when it comes and when it goes. (2.2)',
  },
  {
    id: 'MQTT31-websocket',
    section: END,
    binds: 'server',
    summary: 'Clients of that time offer the subprotocol mqttv3.1 over WebSocket.',
  },
];
