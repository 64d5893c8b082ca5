// Payload Format Indicator (MQTT 5 section 3.3.2.3.2): whether a payload is what it says.
import { validateUtf8 } from './utf8.js';

/** Whether the bytes are well-formed UTF-8 (RFC 3629). U+0000 is allowed: a payload is not an MQTT string. */
export function isUtf8Payload(payload: Uint8Array): boolean {
  let from = 0;
  try {
    for (let at = payload.indexOf(0); at >= 0; at = payload.indexOf(0, from)) {
      validateUtf8(payload, from, at);
      from = at + 1;
    }
    validateUtf8(payload, from, payload.length);
    return true;
  } catch {
    return false;
  }
}
