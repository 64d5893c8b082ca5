// One connection: its incoming and its outgoing side, and its channel to the network.
import type { ConnectionId } from '../domain/identifiers.js';
import type { Channel, ChannelHandler } from '../ports/network.js';
import type { ConnectionOrigin } from './connection-tracker.js';
import type { Flow } from './flow.js';
import type { LinkInput } from './link-input.js';
import { LinkOutput } from './link-output.js';

export interface LinkObserver {
  /** Everything that was written has left. */
  drained(link: Link): void;
  /** The network connection has ended. */
  closed(link: Link): void;
}

export class Link implements ChannelHandler {
  readonly output: LinkOutput;
  /** What it had to send when it was ended. */
  lingeringBytes = 0;
  #isConnected = true;

  constructor(
    readonly origin: ConnectionOrigin,
    readonly channel: Channel,
    readonly input: LinkInput,
    readonly observer: LinkObserver,
    sent: Flow,
  ) {
    this.output = new LinkOutput(channel, sent);
  }

  get id(): ConnectionId {
    return this.origin.id;
  }

  data(chunk: Uint8Array): void {
    this.input.received(chunk);
  }

  drained(): void {
    this.observer.drained(this);
  }

  closed(): void {
    this.#isConnected = false;
    this.observer.closed(this);
  }

  /**
   * Nothing more is read; what was written is sent, for up to `graceMs` milliseconds, and what waits for storage is
   * not.
   */
  end(graceMs: number): void {
    this.output.close();
    this.input.close();
    if (this.#isConnected) this.channel.close(graceMs);
  }
}
