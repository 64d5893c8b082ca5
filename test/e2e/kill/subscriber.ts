// A receiving session, with the known state of its subscriptions.
import type { History, Observer } from './history.js';
import { MqttClient } from '../../clients/mqtt-client.js';
import type { Address } from '../../clients/packet-socket.js';

export class Subscriber {
  readonly client: MqttClient;
  /** Whether the session of this connection outlives it. */
  #isStored = true;

  constructor(
    readonly name: string,
    readonly history: History,
    /** The members of a shared group have one in common. */
    readonly observer: Observer = history.observer(name),
  ) {
    this.client = new MqttClient(name);
    this.client.onFault = (fault) => {
      history.addViolation(fault);
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
    // The earlier session ends now or at any moment from now on.
    if (clean) this.observer.markAll('maybe');
    await this.client.connect(address, { clean });
  }

  /** @throws ConnectionLost */
  async subscribe(filter: string, qos: 1 | 2, share?: string): Promise<void> {
    if (this.observer.state(filter) === 'off') this.observer.mark(filter, qos, 'maybe');
    await this.client.subscribe(share === undefined ? filter : `$share/${share}/${filter}`, qos);
    if (this.#isStored) this.observer.mark(filter, qos, 'on');
    else this.observer.markExisting(filter);
  }

  /** @throws ConnectionLost */
  async unsubscribe(filter: string, qos: 1 | 2): Promise<void> {
    if (this.observer.state(filter) !== 'off') this.observer.mark(filter, qos, 'maybe');
    await this.client.unsubscribe(filter);
    this.observer.mark(filter, qos, 'off');
  }
}
