// The normative statements of MQTT Version 3.1.1 (OASIS Standard), Appendix B: their numbers, the parties that they
// bind, and a summary. If a broker cannot be tested from outside, the reason. After them, the rules of the text that
// have no number.

export interface Statement {
  readonly id: string;
  readonly section: string;
  readonly binds: 'server' | 'client' | 'both';
  readonly summary: string;
  /** The reason why it cannot be observed from outside a broker, in place of tests. */
  readonly untestable?: string;
  /** What this version of hexmq lacks for it to apply, in place of tests. */
  readonly notYet?: string;
}

const CLIENT_ONLY = 'a duty of clients; a broker sees no difference';

const DATA = '1.5 Data representation';
const HEADER = '2.2 Fixed header';
const IDENTIFIER = '2.3 Packet Identifier';
const CONNECT = '3.1 CONNECT';
const CONNACK = '3.2 CONNACK';
const PUBLISH = '3.3 PUBLISH';
const PUBREL = '3.6 PUBREL';
const SUBSCRIBE = '3.8 SUBSCRIBE';
const SUBACK = '3.9 SUBACK';
const UNSUBSCRIBE = '3.10 UNSUBSCRIBE';
const PINGREQ = '3.12 PINGREQ';
const DISCONNECT = '3.14 DISCONNECT';
const STATE = '4.1 Storing state';
const QOS = '4.3 Quality of Service';
const RETRY = '4.4 Delivery retry';
const RECEIPT = '4.5 Message receipt';
const ORDER = '4.6 Message ordering';
const TOPICS = '4.7 Topic Names and Topic Filters';
const ERRORS = '4.8 Handling errors';
const WEBSOCKET = '6 WebSocket';
const CONFORMANCE = '7 Conformance';

export const STATEMENTS_311: readonly Statement[] = [
  {
    id: 'MQTT-1.5.3-1',
    section: DATA,
    binds: 'both',
    summary: 'A string that is not well-formed UTF-8, or encodes a surrogate, costs the sender its connection.',
  },
  {
    id: 'MQTT-1.5.3-2',
    section: DATA,
    binds: 'both',
    summary: 'A string with U+0000 in it costs the sender its connection.',
  },
  {
    id: 'MQTT-1.5.3-3',
    section: DATA,
    binds: 'both',
    summary: 'The bytes EF BB BF are a character like others and are not stripped, wherever they stand.',
  },

  {
    id: 'MQTT-2.2.2-1',
    section: HEADER,
    binds: 'both',
    summary: 'Flag bits without a meaning have the value that the table of packet types gives.',
  },
  { id: 'MQTT-2.2.2-2', section: HEADER, binds: 'both', summary: 'Flag bits that are wrong make the receiver close.' },
  {
    id: 'MQTT-2.3.1-1',
    section: IDENTIFIER,
    binds: 'both',
    summary: 'PUBLISH above QoS 0, SUBSCRIBE and UNSUBSCRIBE have a Packet Identifier that is not 0.',
  },
  {
    id: 'MQTT-2.3.1-2',
    section: IDENTIFIER,
    binds: 'client',
    summary: 'A new packet takes a Packet Identifier that is free.',
    untestable: `${CLIENT_ONLY}; for the broker's own packets see MQTT-2.3.1-4`,
  },
  {
    id: 'MQTT-2.3.1-3',
    section: IDENTIFIER,
    binds: 'client',
    summary: 'A repeated packet keeps its Packet Identifier, and the last acknowledgement sets it free.',
  },
  {
    id: 'MQTT-2.3.1-4',
    section: IDENTIFIER,
    binds: 'server',
    summary:
      'A PUBLISH from the broker at QoS 1 or 2 takes a free Packet Identifier, and keeps it when it is repeated.',
  },
  { id: 'MQTT-2.3.1-5', section: IDENTIFIER, binds: 'both', summary: 'PUBLISH at QoS 0 has no Packet Identifier.' },
  {
    id: 'MQTT-2.3.1-6',
    section: IDENTIFIER,
    binds: 'both',
    summary: 'PUBACK, PUBREC and PUBREL carry the Packet Identifier of their PUBLISH.',
  },
  {
    id: 'MQTT-2.3.1-7',
    section: IDENTIFIER,
    binds: 'server',
    summary: 'SUBACK and UNSUBACK carry the Packet Identifier of their request.',
  },

  { id: 'MQTT-3.1.0-1', section: CONNECT, binds: 'client', summary: 'A connection begins with CONNECT.' },
  {
    id: 'MQTT-3.1.0-2',
    section: CONNECT,
    binds: 'server',
    summary: 'A second CONNECT is a violation and ends the connection.',
  },
  {
    id: 'MQTT-3.1.2-1',
    section: CONNECT,
    binds: 'server',
    summary: 'A protocol name that is wrong is not served as MQTT 3.1.1.',
  },
  {
    id: 'MQTT-3.1.2-2',
    section: CONNECT,
    binds: 'server',
    summary: 'An unknown protocol level is answered by return code 1 and a close.',
  },
  {
    id: 'MQTT-3.1.2-3',
    section: CONNECT,
    binds: 'server',
    summary: 'The reserved connect flag is checked, and ends the connection if set.',
  },
  {
    id: 'MQTT-3.1.2-4',
    section: CONNECT,
    binds: 'both',
    summary: 'Clean Session 0 goes on with the stored session or begins one, and the session outlives the connection.',
  },
  {
    id: 'MQTT-3.1.2-5',
    section: CONNECT,
    binds: 'server',
    summary: 'A session with Clean Session 0 collects, while its client is away, the QoS 1 and 2 messages that match.',
  },
  {
    id: 'MQTT-3.1.2-6',
    section: CONNECT,
    binds: 'both',
    summary: 'Clean Session 1 throws the old session away, and the new one ends with its connection.',
  },
  {
    id: 'MQTT-3.1.2.7',
    section: CONNECT,
    binds: 'server',
    summary: 'Retained messages belong to no session and stay when one ends.',
  },
  {
    id: 'MQTT-3.1.2-8',
    section: CONNECT,
    binds: 'server',
    summary: 'If the connection ends in any way but by DISCONNECT, the Will that CONNECT brought is published.',
  },
  {
    id: 'MQTT-3.1.2-9',
    section: CONNECT,
    binds: 'both',
    summary: 'With the Will Flag, the payload has topic and message of the Will, and its QoS and RETAIN bits count.',
  },
  {
    id: 'MQTT-3.1.2-10',
    section: CONNECT,
    binds: 'server',
    summary: 'Once published, or after DISCONNECT, the Will is gone.',
  },
  {
    id: 'MQTT-3.1.2-11',
    section: CONNECT,
    binds: 'client',
    summary: 'Without the Will Flag there are no Will bits and no Will fields.',
  },
  { id: 'MQTT-3.1.2-12', section: CONNECT, binds: 'server', summary: 'Without the Will Flag no Will is published.' },
  { id: 'MQTT-3.1.2-13', section: CONNECT, binds: 'client', summary: 'Without the Will Flag the Will QoS is 0.' },
  { id: 'MQTT-3.1.2-14', section: CONNECT, binds: 'client', summary: 'Will QoS 3 does not exist.' },
  { id: 'MQTT-3.1.2-15', section: CONNECT, binds: 'client', summary: 'Without the Will Flag, Will Retain is 0.' },
  {
    id: 'MQTT-3.1.2-16',
    section: CONNECT,
    binds: 'server',
    summary: 'A Will without Will Retain leaves nothing retained.',
  },
  { id: 'MQTT-3.1.2-17', section: CONNECT, binds: 'server', summary: 'A Will with Will Retain is retained.' },
  {
    id: 'MQTT-3.1.2-18',
    section: CONNECT,
    binds: 'client',
    summary: 'Without the User Name Flag there is no user name.',
  },
  { id: 'MQTT-3.1.2-19', section: CONNECT, binds: 'client', summary: 'With the User Name Flag there is a user name.' },
  {
    id: 'MQTT-3.1.2-20',
    section: CONNECT,
    binds: 'client',
    summary: 'Without the Password Flag there is no password.',
  },
  { id: 'MQTT-3.1.2-21', section: CONNECT, binds: 'client', summary: 'With the Password Flag there is a password.' },
  { id: 'MQTT-3.1.2-22', section: CONNECT, binds: 'client', summary: 'A password comes only with a user name.' },
  {
    id: 'MQTT-3.1.2-23',
    section: CONNECT,
    binds: 'client',
    summary: 'A client with a Keep Alive sends something in every interval.',
    untestable: `${CLIENT_ONLY}; what happens to one that does not is MQTT-3.1.2-24`,
  },
  {
    id: 'MQTT-3.1.2-24',
    section: CONNECT,
    binds: 'server',
    summary: 'After one and a half silent intervals the broker closes, as if the network had failed.',
  },
  {
    id: 'MQTT-3.1.3-1',
    section: CONNECT,
    binds: 'client',
    summary: 'The payload is Client Identifier, Will topic, Will message, user name, password, in this order.',
  },
  {
    id: 'MQTT-3.1.3-2',
    section: CONNECT,
    binds: 'both',
    summary: 'The Client Identifier is what a session is found by.',
  },
  { id: 'MQTT-3.1.3-3', section: CONNECT, binds: 'client', summary: 'The Client Identifier is there and comes first.' },
  { id: 'MQTT-3.1.3-4', section: CONNECT, binds: 'client', summary: 'The Client Identifier is UTF-8.' },
  {
    id: 'MQTT-3.1.3-5',
    section: CONNECT,
    binds: 'server',
    summary: 'Client Identifiers of 1 to 23 letters and digits are accepted.',
  },
  {
    id: 'MQTT-3.1.3-6',
    section: CONNECT,
    binds: 'server',
    summary: 'A broker that accepts a client without an identifier assigns it a unique one.',
  },
  {
    id: 'MQTT-3.1.3-7',
    section: CONNECT,
    binds: 'client',
    summary: 'A client without an identifier sets Clean Session 1.',
    untestable: `${CLIENT_ONLY}; the refusal is MQTT-3.1.3-8`,
  },
  {
    id: 'MQTT-3.1.3-8',
    section: CONNECT,
    binds: 'server',
    summary: 'No identifier and Clean Session 0: return code 2 and a close.',
  },
  {
    id: 'MQTT-3.1.3-9',
    section: CONNECT,
    binds: 'server',
    summary: 'Every other identifier that is refused gets return code 2 and a close as well.',
  },
  { id: 'MQTT-3.1.3-10', section: CONNECT, binds: 'client', summary: 'The Will topic is UTF-8.' },
  { id: 'MQTT-3.1.3-11', section: CONNECT, binds: 'client', summary: 'The user name is UTF-8.' },
  {
    id: 'MQTT-3.1.4-1',
    section: CONNECT,
    binds: 'server',
    summary: 'A CONNECT of the wrong form ends the connection, without CONNACK.',
  },
  {
    id: 'MQTT-3.1.4-2',
    section: CONNECT,
    binds: 'server',
    summary: 'A client that connects with an identifier in use replaces the connection that has it.',
  },
  {
    id: 'MQTT-3.1.4-3',
    section: CONNECT,
    binds: 'server',
    summary: 'An accepted CONNECT treats sessions as Clean Session says.',
  },
  {
    id: 'MQTT-3.1.4-4',
    section: CONNECT,
    binds: 'server',
    summary: 'An accepted CONNECT is answered by return code 0.',
  },
  {
    id: 'MQTT-3.1.4-5',
    section: CONNECT,
    binds: 'server',
    summary: 'Packets after a refused CONNECT have no effect.',
  },

  { id: 'MQTT-3.2.0-1', section: CONNACK, binds: 'server', summary: 'CONNACK is the first thing a broker sends.' },
  {
    id: 'MQTT-3.2.2-1',
    section: CONNACK,
    binds: 'server',
    summary: 'Clean Session 1 is accepted with Session Present 0.',
  },
  {
    id: 'MQTT-3.2.2-2',
    section: CONNACK,
    binds: 'server',
    summary: 'Clean Session 0 is accepted with Session Present 1 if there is a session.',
  },
  {
    id: 'MQTT-3.2.2-3',
    section: CONNACK,
    binds: 'server',
    summary: 'Clean Session 0 is accepted with Session Present 0 if there is no session.',
  },
  { id: 'MQTT-3.2.2-4', section: CONNACK, binds: 'server', summary: 'A refusal has Session Present 0.' },
  { id: 'MQTT-3.2.2-5', section: CONNACK, binds: 'server', summary: 'After a refusal the broker closes.' },
  {
    id: 'MQTT-3.2.2-6',
    section: CONNACK,
    binds: 'server',
    summary: 'Where no return code fits, the broker closes without CONNACK.',
  },

  { id: 'MQTT-3.3.1-1', section: PUBLISH, binds: 'both', summary: 'A repeated delivery has DUP 1.' },
  { id: 'MQTT-3.3.1-2', section: PUBLISH, binds: 'both', summary: 'At QoS 0, DUP is 0.' },
  {
    id: 'MQTT-3.3.1-3',
    section: PUBLISH,
    binds: 'server',
    summary: "The DUP of a delivery is the broker's own and not that of the publisher.",
  },
  { id: 'MQTT-3.3.1-4', section: PUBLISH, binds: 'both', summary: 'QoS 3 makes the receiver close.' },
  {
    id: 'MQTT-3.3.1-5',
    section: PUBLISH,
    binds: 'server',
    summary: 'With RETAIN 1, message and QoS are kept for subscribers to come.',
  },
  {
    id: 'MQTT-3.3.1-6',
    section: PUBLISH,
    binds: 'server',
    summary: 'A new subscription gets the retained message of every matching topic.',
  },
  {
    id: 'MQTT-3.3.1-7',
    section: PUBLISH,
    binds: 'server',
    summary: 'A retained message at QoS 0 displaces the one before.',
  },
  {
    id: 'MQTT-3.3.1-8',
    section: PUBLISH,
    binds: 'server',
    summary: 'A retained message for a new subscription has RETAIN 1.',
  },
  {
    id: 'MQTT-3.3.1-9',
    section: PUBLISH,
    binds: 'server',
    summary: 'A message for an existing subscription has RETAIN 0.',
  },
  {
    id: 'MQTT-3.3.1-10',
    section: PUBLISH,
    binds: 'server',
    summary: 'RETAIN 1 without payload is delivered and removes the retained message.',
  },
  {
    id: 'MQTT-3.3.1-11',
    section: PUBLISH,
    binds: 'server',
    summary: 'A message with RETAIN 1 and without payload is not retained itself.',
  },
  {
    id: 'MQTT-3.3.1-12',
    section: PUBLISH,
    binds: 'server',
    summary: 'With RETAIN 0 nothing is retained and nothing retained is touched.',
  },
  { id: 'MQTT-3.3.2-1', section: PUBLISH, binds: 'both', summary: 'The Topic Name comes first and is UTF-8.' },
  { id: 'MQTT-3.3.2-2', section: PUBLISH, binds: 'both', summary: 'The Topic Name of a PUBLISH has no wildcards.' },
  {
    id: 'MQTT-3.3.2-3',
    section: PUBLISH,
    binds: 'server',
    summary: 'A delivered message has a Topic Name that matches the subscription.',
  },
  {
    id: 'MQTT-3.3.4-1',
    section: PUBLISH,
    binds: 'both',
    summary: 'PUBLISH is answered by nothing, PUBACK or PUBREC, as its QoS is 0, 1 or 2.',
  },
  {
    id: 'MQTT-3.3.5-1',
    section: PUBLISH,
    binds: 'server',
    summary: 'Where filters overlap, the highest QoS granted among them counts.',
  },
  {
    id: 'MQTT-3.3.5-2',
    section: PUBLISH,
    binds: 'server',
    summary: 'A PUBLISH that is not allowed is acknowledged as others are, or ends the connection.',
  },

  {
    id: 'MQTT-3.6.1-1',
    section: PUBREL,
    binds: 'both',
    summary: 'The flags of PUBREL are 0010; others are malformed and end the connection.',
  },

  {
    id: 'MQTT-3.8.1-1',
    section: SUBSCRIBE,
    binds: 'both',
    summary: 'The flags of SUBSCRIBE are 0010; others are malformed and end the connection.',
  },
  { id: 'MQTT-3.8.3-1', section: SUBSCRIBE, binds: 'client', summary: 'Topic Filters are UTF-8.' },
  {
    id: 'MQTT-3.8.3-2',
    section: SUBSCRIBE,
    binds: 'server',
    summary: 'A server without support for wildcards rejects filters that have them.',
  },
  { id: 'MQTT-3.8.3-3', section: SUBSCRIBE, binds: 'client', summary: 'SUBSCRIBE asks for at least one filter.' },
  {
    id: 'MQTT-3-8.3-4',
    section: SUBSCRIBE,
    binds: 'server',
    summary: 'A requested QoS above 2, or with reserved bits, is malformed and ends the connection.',
  },
  { id: 'MQTT-3.8.4-1', section: SUBSCRIBE, binds: 'server', summary: 'SUBSCRIBE is answered by SUBACK.' },
  {
    id: 'MQTT-3.8.4-2',
    section: SUBSCRIBE,
    binds: 'server',
    summary: 'SUBACK has the Packet Identifier of its SUBSCRIBE.',
  },
  {
    id: 'MQTT-3.8.4-3',
    section: SUBSCRIBE,
    binds: 'server',
    summary: 'The same filter again replaces the subscription without a gap, and brings retained messages again.',
  },
  {
    id: 'MQTT-3.8.4-4',
    section: SUBSCRIBE,
    binds: 'server',
    summary: 'Many filters in one SUBSCRIBE work as many packets, answered by one SUBACK.',
  },
  {
    id: 'MQTT-3.8.4-5',
    section: SUBSCRIBE,
    binds: 'server',
    summary: 'SUBACK says for every filter what was granted, or that it failed.',
  },
  {
    id: 'MQTT-3.8.4-6',
    section: SUBSCRIBE,
    binds: 'server',
    summary: 'A delivery has the lower of the QoS published and the QoS granted.',
  },
  {
    id: 'MQTT-3.9.3-1',
    section: SUBACK,
    binds: 'server',
    summary: 'The codes of SUBACK stand in the order of the filters.',
  },
  {
    id: 'MQTT-3.9.3-2',
    section: SUBACK,
    binds: 'server',
    summary: 'The codes of SUBACK are 0, 1, 2 and, in hexadecimal, 80.',
  },

  {
    id: 'MQTT-3.10.1-1',
    section: UNSUBSCRIBE,
    binds: 'both',
    summary: 'The flags of UNSUBSCRIBE are 0010; others are malformed and end the connection.',
  },
  { id: 'MQTT-3.10.3-1', section: UNSUBSCRIBE, binds: 'client', summary: 'Topic Filters are UTF-8.' },
  { id: 'MQTT-3.10.3-2', section: UNSUBSCRIBE, binds: 'client', summary: 'UNSUBSCRIBE names at least one filter.' },
  {
    id: 'MQTT-3.10.4-1',
    section: UNSUBSCRIBE,
    binds: 'server',
    summary: 'Only the subscription with the very same filter, letter by letter, is removed.',
  },
  {
    id: 'MQTT-3.10.4-2',
    section: UNSUBSCRIBE,
    binds: 'server',
    summary: 'A removed subscription brings no new message.',
  },
  {
    id: 'MQTT-3.10.4-3',
    section: UNSUBSCRIBE,
    binds: 'server',
    summary: 'A delivery at QoS 1 or 2 that has begun is completed after UNSUBSCRIBE.',
  },
  {
    id: 'MQTT-3.10.4-4',
    section: UNSUBSCRIBE,
    binds: 'server',
    summary: 'The answer to UNSUBSCRIBE is UNSUBACK, which repeats its Packet Identifier.',
  },
  {
    id: 'MQTT-3.10.4-5',
    section: UNSUBSCRIBE,
    binds: 'server',
    summary: 'UNSUBACK comes also where nothing was removed.',
  },
  {
    id: 'MQTT-3.10.4-6',
    section: UNSUBSCRIBE,
    binds: 'server',
    summary: 'Many filters in one UNSUBSCRIBE work as many packets, answered by one UNSUBACK.',
  },

  { id: 'MQTT-3.12.4-1', section: PINGREQ, binds: 'server', summary: 'PINGREQ is answered by PINGRESP.' },

  {
    id: 'MQTT-3.14.1-1',
    section: DISCONNECT,
    binds: 'server',
    summary: 'A DISCONNECT with a reserved bit set ends the connection as an error.',
  },
  {
    id: 'MQTT-3.14.4-1',
    section: DISCONNECT,
    binds: 'client',
    summary: 'The client closes after DISCONNECT.',
    untestable: `${CLIENT_ONLY}; that the broker closes if the client does not is MQTT311-disconnect-close`,
  },
  { id: 'MQTT-3.14.4-2', section: DISCONNECT, binds: 'client', summary: 'The client sends nothing behind DISCONNECT.' },
  {
    id: 'MQTT-3.14.4-3',
    section: DISCONNECT,
    binds: 'server',
    summary: 'DISCONNECT makes the broker forget the Will.',
  },

  { id: 'MQTT-4.1.0-1', section: STATE, binds: 'both', summary: 'Session state is kept as long as the session lasts.' },
  { id: 'MQTT-4.1.0-2', section: STATE, binds: 'both', summary: 'A session does not end before its connection.' },
  { id: 'MQTT-4.3.1-1', section: QOS, binds: 'both', summary: 'Sender at QoS 0: PUBLISH with QoS 0 and DUP 0.' },
  {
    id: 'MQTT-4.3.2-1',
    section: QOS,
    binds: 'both',
    summary: 'Sender at QoS 1: a free Packet Identifier, DUP 0 at first, and the message is held until PUBACK.',
  },
  {
    id: 'MQTT-4.3.2-2',
    section: QOS,
    binds: 'both',
    summary: 'Receiver at QoS 1: PUBACK, and from then on the Packet Identifier means a new message.',
  },
  {
    id: 'MQTT-4.3.3-1',
    section: QOS,
    binds: 'both',
    summary: 'Sender at QoS 2: PUBLISH until PUBREC, then PUBREL until PUBCOMP, and PUBLISH never again.',
  },
  {
    id: 'MQTT-4.3.3-2',
    section: QOS,
    binds: 'both',
    summary: 'Receiver at QoS 2: PUBREC for each repeat, one delivery until PUBREL, PUBCOMP for PUBREL.',
  },
  {
    id: 'MQTT-4.4.0-1',
    section: RETRY,
    binds: 'both',
    summary: 'A session that is resumed repeats its open PUBLISH and PUBREL packets with their Packet Identifiers.',
  },
  {
    id: 'MQTT-4.5.0-1',
    section: RECEIPT,
    binds: 'server',
    summary: 'A message that was taken goes into the session of each client with a subscription that matches.',
  },
  {
    id: 'MQTT-4.5.0-2',
    section: RECEIPT,
    binds: 'client',
    summary: 'A client acknowledges what it gets, whether or not it wants it.',
    untestable: CLIENT_ONLY,
  },
  {
    id: 'MQTT-4.6.0-1',
    section: ORDER,
    binds: 'both',
    summary: 'PUBLISH packets are repeated in the order in which they were sent.',
  },
  {
    id: 'MQTT-4.6.0-2',
    section: ORDER,
    binds: 'both',
    summary: 'PUBACK packets come in the order of the PUBLISH packets.',
  },
  {
    id: 'MQTT-4.6.0-3',
    section: ORDER,
    binds: 'both',
    summary: 'PUBREC packets come in the order of the PUBLISH packets.',
  },
  {
    id: 'MQTT-4.6.0-4',
    section: ORDER,
    binds: 'both',
    summary: 'PUBREL packets come in the order of the PUBREC packets.',
  },
  {
    id: 'MQTT-4.6.0-5',
    section: ORDER,
    binds: 'server',
    summary: 'By default, every topic is an ordered topic.',
  },
  {
    id: 'MQTT-4.6.0-6',
    section: ORDER,
    binds: 'server',
    summary: 'On an ordered topic each subscriber gets the messages of a publisher in order, for each QoS.',
  },
  { id: 'MQTT-4.7.1-1', section: TOPICS, binds: 'both', summary: 'Wildcards are for filters, not for Topic Names.' },
  { id: 'MQTT-4.7.1-2', section: TOPICS, binds: 'both', summary: '# is a whole level, and the last.' },
  { id: 'MQTT-4.7.1-3', section: TOPICS, binds: 'both', summary: '+ is a whole level, at any place.' },
  {
    id: 'MQTT-4.7.2-1',
    section: TOPICS,
    binds: 'server',
    summary: 'Topics with a leading $ are out of reach for filters with a leading wildcard.',
  },
  { id: 'MQTT-4.7.3-1', section: TOPICS, binds: 'both', summary: 'Topic Names and filters are not empty.' },
  { id: 'MQTT-4.7.3-2', section: TOPICS, binds: 'both', summary: 'Topic Names and filters have no U+0000.' },
  { id: 'MQTT-4.7.3-3', section: TOPICS, binds: 'both', summary: 'Topic Names and filters have 65,535 bytes at most.' },
  {
    id: 'MQTT-4.7.3-4',
    section: TOPICS,
    binds: 'server',
    summary: 'Topic Names and filters are compared as they are, without normalising.',
  },
  {
    id: 'MQTT-4.8.0-1',
    section: ERRORS,
    binds: 'both',
    summary: 'A violation of the protocol ends the connection.',
  },
  {
    id: 'MQTT-4.8.0-2',
    section: ERRORS,
    binds: 'both',
    summary: 'A packet that cannot be handled for the moment costs its connection, too.',
  },

  { id: 'MQTT-6.0.0-1', section: WEBSOCKET, binds: 'both', summary: 'Frames are binary; another data frame closes.' },
  {
    id: 'MQTT-6.0.0-2',
    section: WEBSOCKET,
    binds: 'both',
    summary: 'Packets and frames need not begin and end together.',
  },
  { id: 'MQTT-6.0.0-3', section: WEBSOCKET, binds: 'client', summary: 'The client offers the subprotocol mqtt.' },
  { id: 'MQTT-6.0.0-4', section: WEBSOCKET, binds: 'server', summary: 'The broker selects the subprotocol mqtt.' },

  {
    id: 'MQTT-7.0.0-1',
    section: CONFORMANCE,
    binds: 'server',
    summary: 'A broker that connects to others keeps the rules for clients too.',
    untestable: 'hexmq opens no connections to other brokers',
  },
  {
    id: 'MQTT-7.0.0-2',
    section: CONFORMANCE,
    binds: 'both',
    summary: 'An implementation needs nothing beyond the standard to interoperate.',
  },
  {
    id: 'MQTT-7.1.1-1',
    section: CONFORMANCE,
    binds: 'server',
    summary: 'A broker can be reached over a transport that keeps order, loses nothing and goes both ways.',
  },
  {
    id: 'MQTT-7.1.2-1',
    section: CONFORMANCE,
    binds: 'client',
    summary: 'A client can use such a transport.',
    untestable: CLIENT_ONLY,
  },
];

/** Rules and advice in the text of MQTT 3.1.1 that have no number. The ids are ours. */
export const RULES_311: readonly Statement[] = [
  {
    id: 'MQTT311-remaining-length',
    section: '2.2.3',
    binds: 'both',
    summary: 'A Remaining Length of five bytes is none.',
  },
  {
    id: 'MQTT311-connect-timeout',
    section: '3.1.4',
    binds: 'server',
    summary: 'A connection without a CONNECT in reasonable time is closed.',
  },
  {
    id: 'MQTT311-before-connack',
    section: '3.1.4',
    binds: 'both',
    summary: 'A client may send more before CONNACK has come.',
  },
  {
    id: 'MQTT311-will-causes',
    section: '3.1.2.5',
    binds: 'server',
    summary:
      'The Will is due after a network error, a Keep Alive missed, a close without DISCONNECT and a violation of the protocol.',
  },
  {
    id: 'MQTT311-qos0-offline',
    section: '3.1.2.4',
    binds: 'server',
    summary: 'QoS 0 messages for a client that is away may be kept or not; hexmq does not keep them.',
  },
  {
    id: 'MQTT311-before-suback',
    section: '3.8.4',
    binds: 'server',
    summary: 'SUBACK need not precede the messages of its subscription; hexmq sends retained ones behind it.',
  },
  {
    id: 'MQTT311-after-unsuback',
    section: '3.10.4',
    binds: 'server',
    summary: 'Messages on their way may come after UNSUBSCRIBE, not after UNSUBACK where they were published after it.',
  },
  {
    id: 'MQTT311-disconnect-close',
    section: '3.14.4',
    binds: 'server',
    summary: 'After DISCONNECT the broker closes if the client does not.',
  },
  {
    id: 'MQTT311-qos2-moment',
    section: '4.3.3',
    binds: 'server',
    summary: 'A QoS 2 message goes to its subscribers at PUBLISH or at PUBREL; from hexmq at PUBLISH.',
  },
  {
    id: 'MQTT311-others-untouched',
    section: '4.8',
    binds: 'server',
    summary: "One client's error does not touch the others.",
  },
];
