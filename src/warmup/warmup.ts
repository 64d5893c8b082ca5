// The warm-up: a second broker in memory serves a few clients of its own through real sockets, so that V8 compiles what
// every connection runs through, and the clients that all come back at once after a restart do not wait for the
// compiler. It begins before `hexmq start` listens, for a moment, and goes on afterwards for as long as the broker has
// nothing else to do. docs/decisions/0025 says what was measured.
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { resolveConfig } from '../composition/resolve-config.js';
import { composeBroker } from '../composition/container.js';
import type { BrokerService } from '../composition/container.js';
import { Traffic } from './traffic.js';

export interface WarmupTimes {
  /**
   * What the warm-up adds to a start, in milliseconds. Default: until 430 ms after the process began, but 100 to 300.
   */
  readonly beforeListeningMs?: number;
  /** For how long it goes on after that, in milliseconds. Default: 1500. */
  readonly whileIdleMs?: number;
}

/** When a start opens its listeners, counted from the beginning of the process, if nothing else takes longer. */
const LISTEN_AFTER_MS = 430;
const BEFORE_LISTENING_MIN_MS = 100;
const BEFORE_LISTENING_MAX_MS = 300;
const WHILE_IDLE_MS = 1500;
/** How often it looks whether the broker is idle again. */
const POLL_MS = 5;
const HOST = '127.0.0.1';

/**
 * Nothing here throws: a machine on which the warm-up fails runs the broker all the same, only slower for the first
 * clients.
 */
export class Warmup {
  // The port is open to every program of this machine, so only clients that know this name are admitted.
  readonly #secret = randomUUID();
  readonly #times: WarmupTimes;
  #running: Promise<void> = Promise.resolve();
  #isOver = false;
  #endsAt = Infinity;
  #mayGoOn: () => boolean = () => true;

  constructor(times: WarmupTimes = {}) {
    this.#times = times;
  }

  /** Resolves when its clients have gone and its broker has stopped. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /** Resolves when it is time to listen; the warm-up then pauses until `goOnWhile` is called. */
  async begin(): Promise<void> {
    this.#running = this.#run().catch(() => undefined);
    await Promise.race([setTimeout(this.#times.beforeListeningMs ?? restOfAStart()), this.#running]);
    this.#mayGoOn = () => false;
  }

  /** Goes on until its time is up, with a pause whenever the broker is not idle. */
  goOnWhile(isIdle: () => boolean): void {
    this.#mayGoOn = isIdle;
    this.#endsAt = performance.now() + (this.#times.whileIdleMs ?? WHILE_IDLE_MS);
  }

  /** Ends it now. Resolves as `ended` does. */
  end(): Promise<void> {
    this.#isOver = true;
    return this.ended;
  }

  async #run(): Promise<void> {
    const broker = await startBroker(this.#secret);
    try {
      const port = portOf(broker);
      await new Traffic({ host: HOST, port, userName: this.#secret, mayGoOn: () => this.#permission() }).run();
    } finally {
      await broker.stop();
    }
  }

  async #permission(): Promise<boolean> {
    while (!this.#isOver && performance.now() < this.#endsAt) {
      if (this.#mayGoOn()) return true;
      await setTimeout(POLL_MS);
    }
    return false;
  }
}

/** A fast machine has more of the half second to spare for the warm-up than a slow one. */
function restOfAStart(): number {
  const rest = LISTEN_AFTER_MS - performance.now();
  return Math.min(Math.max(rest, BEFORE_LISTENING_MIN_MS), BEFORE_LISTENING_MAX_MS);
}

async function startBroker(secret: string): Promise<BrokerService> {
  const config = resolveConfig({
    listeners: [{ type: 'tcp', host: HOST, port: 0 }],
    storage: { adapter: 'memory' },
  });
  const broker = await composeBroker(config, {
    telemetry: [],
    authenticators: [
      {
        name: 'warmup',
        authenticate: ({ userName }) =>
          userName === secret
            ? { decision: 'allow' }
            : { decision: 'deny', reason: 'not-authorized', detail: 'this broker is for the warm-up alone' },
      },
    ],
  });
  await broker.start();
  return broker;
}

function portOf({ addresses }: BrokerService): number {
  const [address = ''] = addresses.values();
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
