// The connection to the server, made again after it was lost, and what the server has to be: one that has written to
// its disk what it acknowledges.
import { RESP_TYPES, createClient } from '@redis/client';
import { StorageError } from 'hexmq/ports';
import { damaged, storageError } from './errors.js';
import { COMMIT, OPEN } from './script.js';

/** What this version reads and writes. */
export const FORMAT = '1';

export interface Place {
  readonly url: string;
  /** Before the name of every key. */
  readonly prefix: string;
  /** Of the server and the prefix, for messages: never the URL. */
  readonly name: string;
  readonly timeoutMs: number;
}

export type Argument = string | Buffer;
export type Reply = Buffer | number | null | readonly Reply[];

const newClient = ({ url, timeoutMs }: Place) =>
  createClient({
    url,
    disableOfflineQueue: true,
    RESP: 2,
    socket: { reconnectStrategy: false, connectTimeout: Math.min(timeoutMs, 10_000), keepAlive: true },
  });
type Client = ReturnType<typeof newClient>;

export class Server {
  #client: Client | undefined;
  #connecting: Promise<Client> | undefined;
  /** Of this writer; `undefined` for a reader. */
  #epoch: string | undefined;
  #isClosed = false;

  constructor(readonly place: Place) {}

  /** Takes the store from the writer that has it. */
  async take(): Promise<void> {
    this.#epoch = '';
    await this.#ready();
  }

  /** @throws StorageError; afterwards the next call begins with a new connection. */
  async call(...args: readonly Argument[]): Promise<Reply> {
    const client = await this.#ready();
    return this.#send(client, args);
  }

  /** @throws StorageError `fenced` if another writer has taken the store. */
  async commit(changes: string, lastMessageId: string, values: readonly Argument[]): Promise<void> {
    const client = await this.#ready();
    const { prefix, name } = this.place;
    const args = ['EVAL', COMMIT, '1', prefix, this.#epoch ?? '', changes, lastMessageId, ...values];
    const answer = await this.#send(client, args);
    if (String(answer) !== 'stored') throw openedByAnother(name);
  }

  close(): void {
    this.#isClosed = true;
    this.#destroy(this.#client);
  }

  async #ready(): Promise<Client> {
    if (this.#client?.isReady === true) return this.#client;
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #connect(): Promise<Client> {
    const client = newClient(this.place);
    // Without a listener, the loss of a connection would end the process.
    client.on('error', () => undefined);
    try {
      await client.connect();
      if (this.#epoch !== undefined) {
        await this.#requireDurable(client);
        // A request that is still under way on the connection before has the epoch before, and changes nothing.
        const answer = await this.#send(client, ['EVAL', OPEN, '1', this.place.prefix, FORMAT, this.#epoch]);
        const [format, epoch] = (answer as readonly Reply[]).map(String);
        if (format !== FORMAT) throw otherFormat(format ?? '', this.place.name);
        if (epoch === undefined || epoch === '0') throw openedByAnother(this.place.name);
        this.#epoch = epoch;
      }
      if (this.#isClosed) throw new StorageError('fenced', `${this.place.name} is not open: it was closed`);
      return (this.#client = client);
    } catch (error) {
      this.#destroy(client);
      throw storageError(error, this.place.name);
    }
  }

  async #send(client: Client, args: readonly Argument[]): Promise<Reply> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${String(this.place.timeoutMs)} ms`));
      }, this.place.timeoutMs);
    });
    try {
      const answer = client.sendCommand([...args], { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
      return (await Promise.race([answer as Promise<unknown>, late])) as Reply;
    } catch (error) {
      this.#destroy(client);
      throw storageError(error, this.place.name);
    } finally {
      clearTimeout(timer);
    }
  }

  #destroy(client: Client | undefined): void {
    if (client === this.#client) this.#client = undefined;
    if (client?.isOpen === true) client.destroy();
  }

  async #requireDurable(client: Client): Promise<void> {
    const settings = new Map<string, string>();
    const names = ['appendonly', 'appendfsync', 'maxmemory', 'maxmemory-policy'];
    const answer = (await this.#send(client, ['CONFIG', 'GET', ...names])) as readonly Reply[];
    for (let i = 0; i + 1 < answer.length; i += 2) settings.set(String(answer[i]), String(answer[i + 1]));
    const problem = settingProblem(settings);
    if (problem !== undefined) throw new StorageError('unavailable', `${this.place.name} ${problem}`);
  }
}

function settingProblem(settings: ReadonlyMap<string, string>): string | undefined {
  if (settings.get('appendonly') !== 'yes' || settings.get('appendfsync') !== 'always')
    return 'would lose what it acknowledges: set appendonly yes and appendfsync always in redis.conf';
  if (settings.get('maxmemory') !== '0' && settings.get('maxmemory-policy') !== 'noeviction')
    return 'deletes data when its memory is full: set maxmemory-policy noeviction in redis.conf';
  return undefined;
}

export const otherFormat = (format: string, name: string): StorageError =>
  /^\d+$/.test(format)
    ? new StorageError(
        'corrupt',
        `the store in ${name} has format ${format}, and this version reads ${FORMAT}: use a later version`,
      )
    : damaged(name, 'it has no format');

const openedByAnother = (name: string): StorageError =>
  new StorageError('fenced', `${name} was opened by another hexmq: only one may use a prefix, stop one of them`);
