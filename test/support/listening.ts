// A listener with nothing behind it: what it accepts, what it is told, and what it tells are written down.
import type { Channel, LifecycleNotice, Listener } from 'hexmq/ports';

const PATIENCE_MS = 10_000;

export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited 10 seconds in vain');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export interface Accepted {
  readonly channel: Channel;
  readonly received: Buffer;
  readonly isClosed: boolean;
}

export class Listening {
  readonly accepted: { channel: Channel; received: Buffer; isClosed: boolean }[] = [];
  readonly notices: LifecycleNotice[] = [];
  listener!: Listener;
  address = '';

  static async on(make: (components: { notice: (notice: LifecycleNotice) => void }) => Listener): Promise<Listening> {
    const listening = new Listening();
    listening.listener = make({ notice: (notice) => listening.notices.push(notice) });
    listening.address = await listening.listener.listen((channel) => {
      const one = { channel, received: Buffer.alloc(0), isClosed: false };
      listening.accepted.push(one);
      return {
        data: (chunk) => {
          one.received = Buffer.concat([one.received, chunk]);
        },
        drained: () => undefined,
        closed: () => {
          one.isClosed = true;
        },
      };
    });
    return listening;
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(':') + 1));
  }

  /** The next connection after those that have been asked for. */
  async next(): Promise<Accepted> {
    const index = this.#taken++;
    await until(() => this.accepted.length > index);
    return this.accepted[index] as Accepted;
  }

  async told(kind: LifecycleNotice['kind'], count = 1): Promise<LifecycleNotice> {
    const those = (): LifecycleNotice[] => this.notices.filter((notice) => notice.kind === kind);
    await until(() => those().length >= count);
    return those()[count - 1] as LifecycleNotice;
  }

  async close(): Promise<void> {
    await this.listener.close();
    for (const { channel } of this.accepted) channel.close(0);
  }

  #taken = 0;
}
