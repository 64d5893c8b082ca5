// The messages that a client has received and that its test has not taken yet.
import type { IPublishPacket } from 'mqtt-packet';
import { within } from './within.js';

export class Inbox {
  readonly #packets: IPublishPacket[] = [];
  #watcher: (() => void) | undefined;

  put(packet: IPublishPacket): void {
    this.#packets.push(packet);
    this.#watcher?.();
  }

  /** The next messages, in order of arrival. */
  take(count: number): Promise<IPublishPacket[]> {
    const taken = new Promise<IPublishPacket[]>((resolve) => {
      this.#watcher = () => {
        if (this.#packets.length < count) return;
        this.#watcher = undefined;
        resolve(this.#packets.splice(0, count));
      };
      this.#watcher();
    });
    return within(taken, `${count} messages`);
  }

  /** The payloads of the next messages. */
  async texts(count: number): Promise<string[]> {
    return (await this.take(count)).map(({ payload }) => payload.toString());
  }

  /** The number of messages that have arrived and have not been taken. */
  get leftOver(): number {
    return this.#packets.length;
  }
}
