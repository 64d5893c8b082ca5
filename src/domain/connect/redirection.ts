// Clients that are sent to another server (MQTT 5 section 4.11): new ones with CONNACK, those that are connected with
// the DISCONNECT of a stop. Earlier versions only learn that this server is not available.
import { ReasonCode } from '../../protocol/reason-codes.js';
import type { Limits } from '../limits.js';
import type { EndDetail } from './connections.js';

type Redirection = Pick<Limits, 'serverReference' | 'serverRedirect'>;

/** Why a new client is refused, if it is. */
export function redirected({
  serverReference,
  serverRedirect,
}: Redirection): { readonly reason: 'use-another-server' | 'server-moved'; readonly detail: string } | undefined {
  if (serverReference === undefined || serverRedirect === 'at-stop') return undefined;
  return { reason: serverRedirect, detail: `clients are sent to ${serverReference}` };
}

/** What a client that is connected learns at a stop. */
export function atStop({ serverReference, serverRedirect }: Redirection): EndDetail {
  if (serverReference === undefined) return {};
  const reasonCode = serverRedirect === 'server-moved' ? ReasonCode.serverMoved : ReasonCode.useAnotherServer;
  return { reasonCode, serverReference };
}
