// Response Information (MQTT 5 section 3.2.2.3.15): the topic below which a client receives responses to its requests.
import type { ConnectPacket } from '../../protocol/packets.js';
import { USER_NAME_KEPT_MAX } from '../user-name.js';

/**
 * @param responseTopic as it is configured, with placeholders.
 * @returns `undefined` if the client has not requested it, or if its names cannot be part of a topic of its own.
 */
export function responseInformation(
  responseTopic: string | undefined,
  { properties }: ConnectPacket,
  clientId: string,
  userName: string | undefined,
): string | undefined {
  if (responseTopic === undefined || properties?.requestResponseInformation !== 1) return undefined;
  let isSafe = true;
  // In one pass, so that a placeholder inside a name is not replaced.
  const filled = responseTopic.replace(/%[cu]/g, (placeholder) => {
    const name = placeholder === '%c' ? clientId : (userName ?? '');
    // A user name that was shortened may be that of others as well.
    if (placeholder === '%u' && name.length >= USER_NAME_KEPT_MAX) isSafe = false;
    isSafe &&= name !== '' && !name.startsWith('$') && !/[+#/]/.test(name);
    return name;
  });
  return isSafe ? filled : undefined;
}
