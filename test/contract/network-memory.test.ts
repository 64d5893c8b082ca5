// The network contract for the in-memory network.
import { describe, test } from '@jest/globals';
import { networkContract } from 'hexmq/testkit';
import type { NetworkPeer } from 'hexmq/testkit';
import { MemoryNetwork } from '../../adapters/network/memory/index.js';
import type { MemoryClient } from '../../adapters/network/memory/index.js';

class MemoryPeer implements NetworkPeer {
  constructor(readonly client: MemoryClient) {}

  get received(): readonly Uint8Array[] {
    return this.client.received;
  }

  get closed(): Promise<void> {
    return this.client.closed;
  }

  write(bytes: Uint8Array): void {
    this.client.write(bytes);
  }

  end(): void {
    this.client.end();
  }

  reset(): void {
    this.client.destroy();
  }

  pauseReading(): void {
    this.client.pauseReading();
  }

  resumeReading(): void {
    this.client.resumeReading();
  }
}

networkContract({
  name: 'memory',
  describe,
  test,
  factory: {
    create: async () => {
      const network = new MemoryNetwork();
      return {
        listener: network,
        // The network itself is the address, so the second listener shares it and has nothing of its own to close.
        createOnSameAddress: () => ({
          name: 'second',
          listen: (onConnection) => network.listen(onConnection),
          close: async () => undefined,
        }),
        connect: async () => new MemoryPeer(network.connect()),
        dispose: async () => undefined,
      };
    },
  },
});
