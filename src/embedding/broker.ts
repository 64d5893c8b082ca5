// A broker as the program that embeds it sees it.
import type { ConfigInput } from '../composition/config-schema.js';
import type { Administration, BrokerEvents, Clients, Connections, Messaging } from '../ports/index.js';

/** An MQTT broker in this process. It starts once; to start again, create another. */
export interface Broker {
  /**
   * Loads the adapters, opens storage, restores what it holds, and listens. Resolves when clients can connect.
   * @throws ConfigError when an adapter cannot be loaded or refuses its options.
   * @throws StorageError when the store cannot be opened or read: `fenced` if another broker is using it.
   * @throws NetworkError when a listener cannot listen, for example because its port is in use.
   * @throws Error when an adapter fails to start, when `stop` is called meanwhile, and on a second call.
   *
   * Everything that was opened has been closed again by then.
   */
  start(): Promise<void>;
  /**
   * Stops accepting connections, disconnects the clients, stores what is pending, and closes everything. Clients and
   * storage get 10 seconds for that; what storage has not taken by then was not acknowledged to any client, unless the
   * acknowledgement level is `received`. May be called at any time, also before the start has resolved, and again.
   * @throws the error of storage or a listener that cannot be closed; everything else has been closed then.
   */
  stop(): Promise<void>;
  /**
   * Has listeners, authenticators and authorizers read their files again, and replaces the limits if `config` is given;
   * other changes of the configuration need a restart. Clients stay connected. An adapter whose files cannot be read
   * keeps its state.
   * @returns one sentence for each adapter that could not reload; empty if all did, or if the broker is not running.
   * @throws ConfigError naming every wrong key of `config`; nothing has changed then.
   */
  reload(config?: ConfigInput): Promise<readonly string[]>;
  /**
   * Resolves when the broker has stopped, or its start has failed. Rejects with the cause if the broker had to stop by
   * itself, for example with a StorageError `fenced` because another broker has taken over the store.
   */
  readonly ended: Promise<void>;
  /**
   * The address of each listener by its name, such as `127.0.0.1:1883`, with the real port where the configuration has
   * 0. Empty before the start.
   */
  readonly addresses: ReadonlyMap<string, string>;
  /**
   * Shows and changes the running broker, as the command `hexmq` and the HTTP API do. `open` gives its events as they
   * come.
   *
   * ```ts
   * await broker.administration.call('sessions', { limit: 10 }, { name: 'my program', role: 'read' });
   * ```
   *
   * Every call is rejected with an AdministrationError `unavailable` while the broker does not run.
   */
  readonly administration: Pick<Administration, 'call' | 'metrics' | 'open'>;
  /**
   * Publishes a message from inside the process; see `Messaging`.
   *
   * ```ts
   * await broker.publish({ topic: 'plant/announcement', payload: 'break in five minutes', qos: 1 });
   * ```
   */
  readonly publish: Messaging['publish'];
  /**
   * Receives messages inside the process; see `Messaging`. A subscription ends with the broker.
   *
   * ```ts
   * await broker.subscribe('plant/#', ({ topic, payload }) => store(topic, payload));
   * ```
   */
  readonly subscribe: Messaging['subscribe'];
  /**
   * Looks at clients, sessions and retained messages, and acts on them; see `Clients`.
   *
   * ```ts
   * for await (const { clientId, remoteAddress } of broker.clients.list()) console.log(clientId, remoteAddress);
   * await broker.clients.disconnect('meter-7');
   * ```
   */
  readonly clients: Clients;
  /**
   * Serves MQTT on a byte stream of a server of the program itself, such as a socket; see `Connections`.
   *
   * ```ts
   * net.createServer((socket) => broker.handle(socket)).listen(1884);
   * ```
   */
  readonly handle: Connections['handle'];
  /**
   * Calls a function with every event of some kinds (docs/events.md); see `BrokerEvents`. Before the start as well, so
   * that nothing is missed. Throws an AdministrationError `unavailable` when the broker has ended.
   *
   * ```ts
   * const listening = broker.on(['client-connected', 'connection-ended'], (event) => count(event.kind));
   * await listening.end();
   * ```
   */
  readonly on: BrokerEvents['on'];
}
