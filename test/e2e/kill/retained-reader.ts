// Reads the retained messages that match a filter.
import { within } from '../../clients/within.js';
import { MqttClient } from '../../clients/mqtt-client.js';
import type { Address } from '../../clients/packet-socket.js';

export type RetainedMessages = ReadonlyMap<string, Buffer>;

/** The retained messages of a later subscription arrive after those of an earlier one. */
const END_OF_RETAINED = {
  topic: 'end-of-retained',
  payload: Buffer.from('that was all'),
  qos: 2,
  retain: true,
} as const;

/** @throws ConnectionLost */
export async function readRetained(
  address: Address,
  filter: string,
  onFault: (fault: string) => void,
): Promise<RetainedMessages> {
  const reader = new MqttClient('retained-reader');
  const found = new Map<string, Buffer>();
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  reader.onFault = onFault;
  reader.onMessage = ({ topic, payload, retain }) => {
    if (!retain) return; // A message published after the subscription.
    if (topic === END_OF_RETAINED.topic) end();
    else if (found.has(topic)) onFault(`what is retained on ${topic} came twice to one subscription`);
    else found.set(topic, payload as Buffer);
  };
  await reader.connect(address, { clean: true });
  await reader.published(END_OF_RETAINED);
  await reader.subscribe(filter, 2);
  await reader.subscribe(END_OF_RETAINED.topic, 2);
  await within(Promise.race([ended, reader.lost()]), `the retained messages of ${filter}`);
  await reader.disconnect();
  return found;
}
