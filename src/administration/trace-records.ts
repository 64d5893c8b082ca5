// Steps of a trace as records of a stream, with the names of MQTT.
import type { TracedStep } from '../ports/index.js';

const PACKETS: Readonly<Record<number, string>> = { 4: 'PUBACK', 5: 'PUBREC', 7: 'PUBCOMP' };

/** Without the time. */
export function traceRecordOf({ packet, ...step }: TracedStep): object {
  return packet === undefined ? step : { ...step, packet: PACKETS[packet] };
}
