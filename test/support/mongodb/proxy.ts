// A proxy between a broker and its MongoDB server that fails as networks and servers do: it is silent or slow, cuts
// connections before or after the server has applied a command, and answers commands in the server's place. It parses
// as much of the wire protocol as that needs.
import { BSON } from 'mongodb';
import type { Document } from 'mongodb';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export interface Command {
  readonly name: string;
  readonly collection: string | undefined;
  readonly document: Document;
}

/** What the proxy does with a command. */
export type Verdict =
  | 'pass'
  /** The connection ends before the server sees it. */
  | 'cut'
  /** The server applies it, and the connection ends instead of the reply. */
  | 'drop-reply'
  /** The server applies it, and its reply does not arrive before `release`. */
  | 'hold-reply'
  /** The server does not see it. */
  | { readonly answer: Document }
  /** The server does it, and its reply is changed. */
  | { readonly amend: (reply: Document) => Document };

export type Judge = (command: Command) => Verdict;

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;
/** The offset of the document in a reply of each kind. */
const DOCUMENT_AT = { [OP_MSG]: HEADER_BYTES + 5, [OP_REPLY]: HEADER_BYTES + 20 } as const;

const GREETINGS = new Set(['hello', 'isMaster', 'ismaster']);

export const isGreeting = ({ name }: Command): boolean => GREETINGS.has(name);

export const isCommit = ({ name, collection }: Command): boolean => name === 'insert' && collection === 'journal';

/** The reply of a server that refuses a command. */
export const refusal = (code: number, codeName: string, errmsg: string): Document => ({
  ok: 0,
  code,
  codeName,
  errmsg,
});

export class MongoProxy {
  readonly #target: URL;
  readonly #pairs = new Set<Pair>();
  #listener: Server;
  #port = 0;
  #judge: Judge = () => 'pass';
  #watchers: { readonly isMeant: (command: Command) => boolean; readonly resolve: () => void }[] = [];
  /** Messages that a partition holds back; undefined without a partition. */
  #held: (() => void)[] | undefined;
  /** Replies that a verdict keeps. */
  readonly #kept: (() => void)[] = [];
  #delayMs = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#listener = this.#newListener();
  }

  /** @param target the URI of the server. */
  static async before(target: string): Promise<MongoProxy> {
    const proxy = new MongoProxy(target);
    await proxy.#listen();
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${String(this.#port)}`;
  }

  /** With this URI, a client connects to the proxy alone, whatever other members the server names. */
  get uri(): string {
    return `mongodb://${this.#credentials}${this.address}/?directConnection=true`;
  }

  /** For a server that is made to look like the only member of a replica set. */
  get replicaSetUri(): string {
    return `mongodb://${this.#credentials}${this.address}/?replicaSet=rs0`;
  }

  /** Judges every command from now on. */
  judgeWith(judge: Judge): void {
    this.#judge = judge;
  }

  /** Resolves when a matching command has arrived. */
  seen(isMeant: (command: Command) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.push({ isMeant, resolve });
    });
  }

  /** The greeting of the first member of a replica set. */
  asMember(reply: Document, isPrimary: boolean): Document {
    return {
      ...reply,
      setName: 'rs0',
      setVersion: 1,
      hosts: [this.address],
      me: this.address,
      isWritablePrimary: isPrimary,
      ismaster: isPrimary,
      secondary: !isPrimary,
    };
  }

  /** Lets nothing through in either direction, and closes no connection. */
  partition(): void {
    this.#held ??= [];
  }

  /** Ends the partition; messages that were under way arrive. */
  heal(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of held) deliver();
  }

  /** Delivers the replies that `hold-reply` has kept. */
  release(): void {
    for (const deliver of this.#kept.splice(0)) deliver();
  }

  /** Delays each message, in each direction. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Ends all connections. */
  cut(): void {
    for (const pair of this.#pairs) pair.cut();
  }

  /** Stops listening, as a server that has ended. */
  async close(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.cut();
    await closed;
  }

  /** After `close`. */
  async reopen(): Promise<void> {
    this.#listener = this.#newListener();
    await this.#listen();
  }

  get #credentials(): string {
    const { username, password } = this.#target;
    return username === '' ? '' : `${username}:${password}@`;
  }

  #newListener(): Server {
    return createServer((client) => {
      const { hostname, port } = this.#target;
      const pair = new Pair(client, connect({ host: hostname, port: Number(port) }), {
        judge: (command) => this.#heard(command),
        deliver: (work) => {
          this.#deliver(work);
        },
        keep: (work) => this.#kept.push(work),
        delayMs: () => this.#delayMs,
        ended: () => this.#pairs.delete(pair),
      });
      this.#pairs.add(pair);
    });
  }

  async #listen(): Promise<void> {
    this.#listener.listen(this.#port, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  #heard(command: Command): Verdict {
    const met = this.#watchers.filter(({ isMeant }) => isMeant(command));
    this.#watchers = this.#watchers.filter((watcher) => !met.includes(watcher));
    for (const { resolve } of met) resolve();
    return this.#judge(command);
  }

  #deliver(work: () => void): void {
    if (this.#held === undefined) work();
    else this.#held.push(work);
  }
}

interface Network {
  judge(command: Command): Verdict;
  /** Delivers at once, or at the end of a partition. */
  deliver(work: () => void): void;
  /** Until it is asked for. */
  keep(work: () => void): void;
  delayMs(): number;
  ended(): void;
}

/** A connection of the broker's, and ours to the server. */
class Pair {
  readonly #verdicts = new Map<number, Verdict>();
  /** When the last message in each direction arrives: the next one does not overtake it. */
  readonly #lastAtMs = { out: 0, back: 0 };

  constructor(
    readonly client: Socket,
    readonly server: Socket,
    readonly network: Network,
  ) {
    client.setNoDelay();
    server.setNoDelay();
    new Messages(client, (message) => {
      this.#request(message);
    });
    new Messages(server, (message) => {
      this.#reply(message);
    });
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        // Messages that were sent before may still be under way.
        this.#travel('out', () => {
          this.cut();
        });
      });
    }
  }

  cut(): void {
    this.client.destroy();
    this.server.destroy();
    this.network.ended();
  }

  #request(message: Buffer): void {
    this.#travel('out', () => {
      const command = commandIn(message);
      const verdict = command === undefined ? 'pass' : this.network.judge(command);
      if (verdict === 'cut') {
        this.cut();
        return;
      }
      if (typeof verdict === 'object' && 'answer' in verdict) {
        this.client.write(messageOf(verdict.answer, message.readInt32LE(4)));
        return;
      }
      if (verdict !== 'pass') this.#verdicts.set(message.readInt32LE(4), verdict);
      this.server.write(message);
    });
  }

  #reply(message: Buffer): void {
    this.#travel('back', () => {
      const request = message.readInt32LE(8);
      const verdict = this.#verdicts.get(request);
      this.#verdicts.delete(request);
      if (verdict === 'hold-reply') {
        this.network.keep(() => this.client.write(message));
        return;
      }
      if (verdict === 'drop-reply') {
        this.cut();
        return;
      }
      this.client.write(typeof verdict === 'object' && 'amend' in verdict ? amended(message, verdict.amend) : message);
    });
  }

  #travel(way: 'out' | 'back', work: () => void): void {
    const nowMs = Date.now();
    const atMs = Math.max(this.#lastAtMs[way], nowMs + this.network.delayMs());
    this.#lastAtMs[way] = atMs;
    const arrive = (): void => {
      this.network.deliver(work);
    };
    if (atMs <= nowMs) arrive();
    else setTimeout(arrive, atMs - nowMs);
  }
}

/** Cuts a stream into messages. */
class Messages {
  #unread = Buffer.alloc(0);

  constructor(socket: Socket, take: (message: Buffer) => void) {
    socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk]);
      while (this.#unread.length >= 4) {
        const length = this.#unread.readInt32LE(0);
        if (this.#unread.length < length) return;
        const message = this.#unread.subarray(0, length);
        this.#unread = this.#unread.subarray(length);
        take(message);
      }
    });
  }
}

function commandIn(message: Buffer): Command | undefined {
  const start = documentStart(message);
  if (start === undefined) return undefined;
  const document = BSON.deserialize(message.subarray(start, start + message.readInt32LE(start)));
  const [name = ''] = Object.keys(document);
  const subject: unknown = document[name];
  return { name, collection: typeof subject === 'string' ? subject : undefined, document };
}

function documentStart(request: Buffer): number | undefined {
  const operation = request.readInt32LE(12);
  if (operation === OP_MSG) return DOCUMENT_AT[OP_MSG];
  // The first greeting: flags, the name of a collection, and how many to skip and to return.
  if (operation === OP_QUERY) return request.indexOf(0, HEADER_BYTES + 4) + 1 + 8;
  return undefined;
}

function amended(reply: Buffer, amend: (reply: Document) => Document): Buffer {
  const operation = reply.readInt32LE(12);
  if (operation !== OP_MSG && operation !== OP_REPLY)
    throw new Error(`a reply of the kind ${String(operation)} cannot be changed`);
  const at = DOCUMENT_AT[operation];
  const document = BSON.deserialize(reply.subarray(at), { promoteValues: false });
  const changed = Buffer.concat([reply.subarray(0, at), BSON.serialize(amend(document))]);
  changed.writeInt32LE(changed.length, 0);
  return changed;
}

function messageOf(document: Document, responseTo: number): Buffer {
  const head = Buffer.alloc(DOCUMENT_AT[OP_MSG]);
  head.writeInt32LE(responseTo, 8);
  head.writeInt32LE(OP_MSG, 12);
  const message = Buffer.concat([head, BSON.serialize(document)]);
  message.writeInt32LE(message.length, 0);
  return message;
}
