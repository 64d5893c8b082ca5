// A client of MQTT 3.1.1 that costs little beside a broker: it speaks bare bytes and does only what these programs need
// (QoS 1, both ways).
import { connect as connectSocket } from 'node:net';

const CONNACK = 0x20;
const PUBLISH = 0x30;
const PUBACK = 0x40;
const SUBACK = 0x90;

export class MqttLink {
  #socket;
  #rest = Buffer.alloc(0);
  #expected;
  #isEnding = false;
  #acknowledgements = Buffer.allocUnsafe(64 * 1024);
  #acknowledged = 0;
  #onMessage;
  /** For all PUBACKs that came together. @type {(count: number) => void} */
  onAcknowledged = () => undefined;

  constructor(socket, failed, onMessage) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    socket.on('data', (chunk) => {
      try {
        this.#received(chunk);
      } catch (error) {
        failed(error);
      }
    });
    socket.on('error', failed);
    socket.on('close', () => {
      if (!this.#isEnding) failed(new Error('the broker closed the connection'));
    });
  }

  /**
   * A stored session: Clean Session 0.
   * @param {{ host: string, port: number }} address
   * @param {string} clientId
   * @param {(error: Error) => void} failed whatever goes wrong from now on
   * @param {(payload: Buffer) => void} onMessage for each PUBLISH, acknowledged when it returns; the payload is valid
   * until then
   */
  static async connect({ host, port }, clientId, failed, onMessage) {
    const socket = connectSocket({ host, port, noDelay: true });
    const link = new MqttLink(socket, failed, onMessage);
    const keepAlive = [0, 0];
    const connack = link.#answer(CONNACK);
    socket.write(packet(0x10, text('MQTT'), Uint8Array.of(4, 0, ...keepAlive), text(clientId)));
    const code = (await connack)[1];
    if (code !== 0) throw new Error(`the broker refused the connection with ${code}`);
    return link;
  }

  async subscribe(topicFilter) {
    const suback = this.#answer(SUBACK);
    this.#socket.write(packet(0x82, Uint8Array.of(0, 1), text(topicFilter), Uint8Array.of(1)));
    if ((await suback)[2] !== 1) throw new Error(`the broker did not grant QoS 1 for ${topicFilter}`);
  }

  /** Whatever `publishPacket` made, one or many. */
  write(bytes) {
    this.#socket.write(bytes);
  }

  disconnect() {
    this.#isEnding = true;
    this.#socket.end(packet(0xe0));
    return new Promise((done) => this.#socket.once('close', done));
  }

  #answer(type) {
    return new Promise((resolve) => {
      this.#expected = { type, resolve };
    });
  }

  #received(chunk) {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let pubacks = 0;
    for (;;) {
      const body = bodyOf(bytes, at);
      if (body === undefined || bytes.length < body.end) break;
      const type = bytes[at] & 0xf0;
      if (type === PUBLISH) this.#message(bytes, body, (bytes[at] >> 1) & 3);
      else if (type === PUBACK) pubacks++;
      else if (type === this.#expected?.type) this.#expected.resolve(Buffer.from(bytes.subarray(body.start, body.end)));
      else throw new Error(`the broker sent an unexpected packet: ${bytes[at]}`);
      at = body.end;
    }
    this.#rest = at === bytes.length ? this.#rest.subarray(0, 0) : Buffer.from(bytes.subarray(at));
    this.#flush();
    if (pubacks > 0) this.onAcknowledged(pubacks);
  }

  #message(bytes, { start, end }, qos) {
    const identifierAt = start + 2 + bytes.readUInt16BE(start);
    this.#onMessage(bytes.subarray(identifierAt + (qos > 0 ? 2 : 0), end));
    if (qos === 0) return;
    if (this.#acknowledged + 4 > this.#acknowledgements.length) this.#flush();
    this.#acknowledged = this.#acknowledgements.writeUInt16BE(0x4002, this.#acknowledged);
    this.#acknowledged += bytes.copy(this.#acknowledgements, this.#acknowledged, identifierAt, identifierAt + 2);
  }

  /** What one read led to goes out in one write. */
  #flush() {
    if (this.#acknowledged === 0) return;
    this.#socket.write(Buffer.from(this.#acknowledgements.subarray(0, this.#acknowledged)));
    this.#acknowledged = 0;
  }
}

/** At QoS 1. */
export function publishPacket(topic, packetId, payload) {
  return packet(0x32, text(topic), Uint8Array.of(packetId >> 8, packetId & 0xff), payload);
}

function packet(firstByte, ...parts) {
  const body = Buffer.concat(parts);
  const header = [firstByte];
  for (let rest = body.length; ; rest >>= 7) {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Uint8Array.from(header), body]);
}

function text(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** Where the body of the packet at `from` begins and ends; `undefined`: not enough has come to tell. */
function bodyOf(bytes, from) {
  let length = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[from + 1 + i];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { start: from + 2 + i, end: from + 2 + i + length };
  }
  throw new Error('the broker sent a Remaining Length of more than four bytes');
}
