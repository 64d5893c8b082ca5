// The reads of a store: a few commands for each page, and names in their order, so that each comes once.
import type {
  ClientId,
  Message,
  MessageId,
  PageLimit,
  QoS,
  QueueId,
  RestoredFact,
  Seq,
  SessionRecord,
  StoredEntry,
  SubscriptionRecord,
  TopicName,
  WillRecord,
} from 'hexmq/ports';
import { damaged } from './errors.js';
import { draftFrom, messageFrom } from './messages.js';
import type { Head } from './messages.js';
import type { Reply, Server } from './server.js';

const PAGE = 1000;
const EMPTY = new Uint8Array(0);
const LINE_END = 10;

interface Member {
  readonly seq: number;
  readonly bytes: number;
  /** The id of a message that is stored once; empty for one that is in the entry. */
  readonly shared: string;
}

interface Delivery {
  readonly qos: QoS;
  readonly retain: boolean;
  readonly identifiers?: readonly number[];
  readonly head?: Head;
}

interface Fact {
  readonly id: MessageId;
  readonly bytes: number;
  readonly expiresAtMs?: number;
}

type StoredWill = { readonly head: Head } & Pick<WillRecord, 'delayS' | 'dueAtMs'>;

export class Reads {
  readonly #server: Server;
  readonly #prefix: string;

  constructor(server: Server) {
    this.#server = server;
    this.#prefix = server.place.prefix;
  }

  async *facts(): AsyncGenerator<RestoredFact> {
    for await (const [, value] of this.#table('sessions')) {
      const session = json<SessionRecord>(value);
      yield { kind: 'session', session: { ...session } };
    }
    for await (const [, value] of this.#table('subscriptions'))
      yield { kind: 'subscription', subscription: json<SubscriptionRecord>(value) };
    for await (const [name] of this.#table('inbound')) {
      const [clientId = '', packetId] = name.split('\0');
      yield { kind: 'inbound', clientId: clientId as ClientId, packetId: Number(packetId) };
    }
    for await (const [name, value] of this.#table('wills')) {
      const { text, payload } = parts(value);
      const { head, delayS, dueAtMs } = JSON.parse(text) as StoredWill;
      const will = { clientId: name as ClientId, message: draftFrom(head, payload), delayS, dueAtMs };
      yield { kind: 'will', will };
    }
    for await (const queue of this.#names(`${this.#prefix}queues`)) yield this.#bounds(queue as QueueId);
    for await (const [name, value] of this.#table('retained')) {
      const { id, bytes, expiresAtMs } = json<Fact>(value);
      yield { kind: 'retained', topic: name as TopicName, id, bytes, expiresAtMs };
    }
    const last = await this.#server.call('HGET', `${this.#prefix}store`, 'last');
    if (last !== null) yield { kind: 'last-message-id', id: Number(String(last)) as MessageId };
  }

  async page(queue: QueueId, from: Seq, { maxEntries, maxBytes }: PageLimit): Promise<StoredEntry[]> {
    const members: Member[] = [];
    let bytes = 0;
    for await (const member of this.#members(queue, from, Math.max(1, maxEntries))) {
      bytes += member.bytes;
      if (members.length > 0 && (members.length >= maxEntries || bytes > maxBytes)) break;
      members.push(member);
    }
    if (members.length === 0) return [];
    const key = `${this.#prefix}queue:${queue}:entries`;
    const ids = [...new Set(members.map(({ shared }) => shared).filter((id) => id !== ''))];
    const [values, shared] = await Promise.all([
      this.#server.call('HMGET', key, ...members.map(({ seq }) => String(seq))),
      ids.length === 0 ? [] : this.#server.call('HMGET', `${this.#prefix}messages`, ...ids),
    ]);
    const messages = new Map(ids.map((id, i) => [id, (shared as readonly Reply[])[i]]));
    return members.flatMap((member, i) => {
      const value = (values as readonly Reply[])[i];
      const message = member.shared === '' ? undefined : messages.get(member.shared);
      // It was removed since its seq was read.
      if (!Buffer.isBuffer(value) || message === null) return [];
      return [this.#entry(member.seq as Seq, value, message as Buffer | undefined)];
    });
  }

  async retained(topics: readonly TopicName[]): Promise<Message[]> {
    if (topics.length === 0) return [];
    const values = await this.#server.call('HMGET', `${this.#prefix}payloads`, ...topics);
    return (values as readonly Reply[]).flatMap((value) => (Buffer.isBuffer(value) ? [messageIn(value)] : []));
  }

  #entry(seq: Seq, value: Buffer, shared: Buffer | undefined): StoredEntry {
    const { text, payload } = parts(value.subarray(1));
    const { qos, retain, identifiers, head } = JSON.parse(text) as Delivery;
    const released = value[0] === 'r'.charCodeAt(0);
    const message = head === undefined ? shared && messageIn(shared) : messageFrom(head, new Uint8Array(payload));
    if (message === undefined) throw damaged(this.#server.place.name, `the message of entry ${String(seq)} is missing`);
    return { seq, message: released ? { ...message, payload: EMPTY } : message, qos, retain, identifiers, released };
  }

  async #bounds(queue: QueueId): Promise<RestoredFact> {
    let first = -1;
    let last = -1;
    let count = 0;
    let bytes = 0;
    for await (const member of this.#members(queue, 0, Infinity)) {
      if (count++ === 0) first = member.seq;
      last = member.seq;
      bytes += member.bytes;
    }
    return { kind: 'queue', queue, first: first as Seq, next: (last + 1) as Seq, count, bytes };
  }

  async *#members(queue: QueueId, from: number, max: number): AsyncGenerator<Member> {
    const key = `${this.#prefix}queue:${queue}`;
    for (let low = String(from), left = max; left > 0;) {
      const count = Math.min(PAGE, left);
      const range = ['ZRANGE', key, low, '+inf', 'BYSCORE', 'LIMIT', '0', String(count)];
      const members = (await this.#server.call(...range)) as readonly Reply[];
      for (const member of members) {
        const [seq, bytes, shared = ''] = String(member).split(':');
        low = `(${seq ?? ''}`;
        yield { seq: Number(seq), bytes: Number(bytes), shared };
      }
      if (members.length < count) return;
      left -= count;
    }
  }

  async *#table(table: string): AsyncGenerator<readonly [name: string, value: Buffer]> {
    const key = `${this.#prefix}${table}`;
    for await (const names of this.#pages(`${key}:names`, table === 'wills' ? 100 : PAGE)) {
      const values = (await this.#server.call('HMGET', key, ...names)) as readonly Reply[];
      for (const [i, name] of names.entries()) {
        const value = values[i];
        if (!Buffer.isBuffer(value)) throw damaged(this.#server.place.name, `a value of ${table} is missing`);
        yield [String(name), value];
      }
    }
  }

  async *#names(key: string): AsyncGenerator<string> {
    for await (const names of this.#pages(key, PAGE)) for (const name of names) yield String(name);
  }

  async *#pages(key: string, size: number): AsyncGenerator<readonly Buffer[]> {
    for (let low: string | Buffer = '-'; ;) {
      const names = (await this.#server.call(
        'ZRANGE',
        key,
        low,
        '+',
        'BYLEX',
        'LIMIT',
        '0',
        String(size),
      )) as readonly Buffer[];
      const last = names.at(-1);
      if (last === undefined) return;
      yield names;
      low = Buffer.concat([Buffer.from('('), last]);
    }
  }
}

function parts(value: Buffer): { readonly text: string; readonly payload: Buffer } {
  const end = value.indexOf(LINE_END);
  return { text: value.toString('utf8', 0, end), payload: value.subarray(end + 1) };
}

function messageIn(value: Buffer): Message {
  const { text, payload } = parts(value);
  return messageFrom(JSON.parse(text) as Head, new Uint8Array(payload));
}

const json = <T>(value: Buffer): T => JSON.parse(value.toString()) as T;
