// A session that receives, with what it is known to be subscribed to.
import type { Chronicle, Observer } from './chronicle.js';
import { FaithfulClient } from './faithful-client.js';
import type { Address } from './packet-socket.js';

export class Subscriber {
  readonly client: FaithfulClient;
  /** Whether the session of this connection outlives it. */
  #isStored = true;

  constructor(
    readonly name: string,
    readonly chronicle: Chronicle,
    /** Members of a shared group have one together. */
    readonly observer: Observer = chronicle.observer(name),
  ) {
    this.client = new FaithfulClient(name);
    this.client.onFault = (fault) => {
      chronicle.fault(fault);
    };
    this.client.onNewSession = () => {
      observer.markAll('off');
    };
    this.client.onMessage = ({ topic, payload, qos }) => {
      observer.receive(topic, payload as Buffer, qos);
    };
  }

  /** @throws ConnectionLost */
  async connect(address: Address, clean = false): Promise<void> {
    this.#isStored = !clean;
    // The session that there was ends here, or at any moment from now on.
    if (clean) this.observer.markAll('maybe');
    await this.client.connect(address, { clean });
  }

  /** @throws ConnectionLost */
  async subscribe(filter: string, qos: 1 | 2, share?: string): Promise<void> {
    if (this.observer.state(filter) === 'off') this.observer.mark(filter, qos, 'maybe');
    await this.client.subscribe(share === undefined ? filter : `$share/${share}/${filter}`, qos);
    if (this.#isStored) this.observer.mark(filter, qos, 'on');
  }

  /** @throws ConnectionLost */
  async unsubscribe(filter: string, qos: 1 | 2): Promise<void> {
    if (this.observer.state(filter) !== 'off') this.observer.mark(filter, qos, 'maybe');
    await this.client.unsubscribe(filter);
    this.observer.mark(filter, qos, 'off');
  }
}
