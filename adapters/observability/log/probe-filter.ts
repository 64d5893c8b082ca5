// Selects the lines about connections that ended before they said anything. Health checks of load balancers and of
// containers open and close one every few seconds; a line for each would be most of the log. Logged are the first one
// from an address, and one an hour with the number of those since.
import type { BrokerEvent, LifecycleEvent } from 'hexmq/ports';

const REMINDER_MS = 3_600_000;
/** Further addresses take the place of those that were logged longest ago. */
const ADDRESSES_MAX = 64;

/** What the line says; `undefined`: there is to be none. */
export type ProbeLine = { readonly unlogged?: number } | undefined;

interface Logged {
  readonly atMs: number;
  unlogged: number;
}

export class ProbeFilter {
  /** In the order of the last line. */
  readonly #logged = new Map<string, Logged>();

  /** @param address of the prober, as `probedBy` returns it. */
  lineFor(address: string, nowMs: number): ProbeLine {
    const last = this.#logged.get(address);
    if (last !== undefined && nowMs < last.atMs + REMINDER_MS) {
      last.unlogged++;
      return undefined;
    }
    this.#logged.delete(address);
    this.#logged.set(address, { atMs: nowMs, unlogged: 0 });
    if (this.#logged.size > ADDRESSES_MAX)
      for (const oldest of this.#logged.keys()) {
        this.#logged.delete(oldest);
        break;
      }
    return last === undefined || last.unlogged === 0 ? {} : { unlogged: last.unlogged };
  }
}

/** The detail of `handshake-failed` when the peer simply went away. */
const PEER_CLOSED = 'the peer closed the connection';

/** The address, without its port, of a peer that closed its connection before CONNECT, TLS or HTTP was complete. */
export function probedBy(event: BrokerEvent | LifecycleEvent): string | undefined {
  if (event.kind === 'connection-ended')
    return event.clientId === undefined && event.reason === 'connection-lost' ? withoutPort(event) : undefined;
  return event.kind === 'handshake-failed' && event.detail === PEER_CLOSED ? withoutPort(event) : undefined;
}

const withoutPort = ({ remoteAddress }: { readonly remoteAddress: string }): string =>
  remoteAddress.replace(/:\d+$/, '');
