// What is published on the other side for a message, and how a message that returns is recognised.
import type { IClientPublishOptions, IPublishPacket } from 'mqtt';

/** A User Property that names the bridges that a message has crossed. */
const CROSSED = 'hexmq-bridge';
/** A message that has crossed more bridges than this goes no further. */
const CROSSINGS_MAX = 16;

export interface Forwarded {
  readonly topic: string;
  readonly payload: Buffer;
  readonly options: IClientPublishOptions;
}

/** @returns `undefined` if it has crossed this bridge before. */
export function forwarded(packet: IPublishPacket, prefix: string, bridge: string): Forwarded | undefined {
  const { userProperties, ...properties } = packet.properties ?? {};
  const crossed = [userProperties?.[CROSSED] ?? []].flat();
  if (crossed.includes(bridge) || crossed.length >= CROSSINGS_MAX) return undefined;
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData } = properties;
  return {
    topic: prefix + packet.topic,
    payload: Buffer.from(packet.payload),
    options: {
      qos: packet.qos,
      retain: packet.retain,
      properties: {
        ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator }),
        ...(messageExpiryInterval === undefined ? {} : { messageExpiryInterval }),
        ...(contentType === undefined ? {} : { contentType }),
        ...(responseTopic === undefined ? {} : { responseTopic }),
        ...(correlationData === undefined ? {} : { correlationData }),
        userProperties: { ...userProperties, [CROSSED]: [...crossed, bridge] },
      },
    },
  };
}

/** More than the bytes of its PUBLISH. */
export function bytesOf({ topic, payload, options }: Forwarded): number {
  const { contentType = '', responseTopic = '', correlationData, userProperties } = options.properties ?? {};
  const texts = [topic, contentType, responseTopic, ...Object.entries(userProperties ?? {}).flat(2)];
  // Each name of a User Property may be repeated for each of its values.
  const size = texts.reduce((sum, text) => sum + 2 * (Buffer.byteLength(text) + 8), 64);
  return size + payload.length + (correlationData?.length ?? 0);
}
