// What the author of a network adapter passes to the contract: the listener, and a client of their own to test it with.
import type { Listener } from '../../ports/index.js';

/** The client's end of a connection, on any library. It knows nothing of MQTT. */
export interface NetworkPeer {
  write(bytes: Uint8Array): void;
  /** Ends its side in an orderly way after what was written, and continues reading as far as the transport allows. */
  end(): void;
  /** Cuts the connection abruptly, as a crashed or unplugged client would. */
  reset(): void;
  /** Reads nothing more from the network until `resumeReading`. */
  pauseReading(): void;
  resumeReading(): void;
  /** The bytes received so far, in chunks of any size. */
  readonly received: readonly Uint8Array[];
  /** Resolves when the connection has ended, whichever side ended it. */
  readonly closed: Promise<void>;
}

/** The adapter under test; the contract creates one for each test. */
export interface NetworkUnderTest {
  /** A listener on a free address that does not listen yet. */
  readonly listener: Listener;
  /** Creates another listener on the address that `listener.listen` returned. */
  createOnSameAddress(address: string): Listener;
  /** Connects a client. Rejects if no listener is open at the address. */
  connect(address: string): Promise<NetworkPeer>;
  /**
   * Connects a client that never begins the handshake before MQTT (TLS, HTTP). Leave it out if the transport has none;
   * the laws about handshakes then pass without effect.
   */
  connectWithoutHandshake?(address: string): Promise<NetworkPeer>;
  /** Whether `reset` is distinguishable from `end`, as it is on TCP. Default true. */
  readonly reportsReset?: boolean;
  /** Releases everything that is left. */
  dispose(): Promise<void>;
}

/** Creates a listener for each test. */
export interface NetworkFactory {
  create(): Promise<NetworkUnderTest>;
}
