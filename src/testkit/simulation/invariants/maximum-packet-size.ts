// Maximum packet size: no packet is larger than its client takes (MQTT 5 section 3.1.2.11.4).
import type { Evidence } from '../evidence/evidence.js';
import type { Departure, Observations } from '../observations.js';
import type { Fail } from '../violation.js';

export class MaximumPacketSize implements Observations {
  constructor(
    readonly evidence: Evidence,
    readonly fail: Fail,
  ) {}

  departed({ connection, link, kind }: Departure): void {
    const most = connection.connect.properties?.maximumPacketSize;
    if (most === undefined) return;
    const { departingBytes } = link;
    if (departingBytes > most)
      this.fail(`${connection.client.name} is sent ${departingBytes} bytes (${kind}), it takes ${most}`);
  }
}
