// The invariants, in the order in which they see an observation: when one observation breaks several, the first one is
// reported.
import type { Evidence } from '../evidence/evidence.js';
import type { Observations } from '../observations.js';
import type { Fail, InvariantName, Verdict } from '../violation.js';
import { Accounting } from './accounting.js';
import { AcknowledgedIsStored } from './acknowledged-is-stored.js';
import { Backups } from './backups.js';
import { BoundedMemory } from './bounded-memory.js';
import { Credentials } from './credentials.js';
import { DupOnlyOnRepeats } from './dup-only-on-repeats.js';
import { GrantedQos } from './granted-qos.js';
import { Liveness } from './liveness.js';
import { MaximumPacketSize } from './maximum-packet-size.js';
import { MessageExpiry } from './message-expiry.js';
import { NoFailure } from './no-failure.js';
import { NoLocal } from './no-local.js';
import { NoRepeatWithoutDup } from './no-repeat-without-dup.js';
import { NothingLost } from './nothing-lost.js';
import { OnlyToSubscribers } from './only-to-subscribers.js';
import { OperatorCommands } from './operator-commands.js';
import { Order } from './order.js';
import { OwnMessages } from './own-messages.js';
import { PacketIdentifiers } from './packet-identifiers.js';
import { Qos2Once } from './qos2-once.js';
import { ReasonCodes } from './reason-codes.js';
import { ReceivePermissions } from './receive-permissions.js';
import { Refusals } from './refusals.js';
import { RefusedMessages } from './refused-messages.js';
import { RetainOptions } from './retain-options.js';
import { RetainedState } from './retained-state.js';
import { SessionExpiry } from './session-expiry.js';
import { SessionPresent } from './session-present.js';
import { SubscriptionIdentifiers } from './subscription-identifiers.js';
import { TopicAliases } from './topic-aliases.js';
import { Wills } from './wills.js';
import { Window } from './window.js';

export type InvariantClass = new (evidence: Evidence, fail: Fail) => Observations;

export const INVARIANTS: Readonly<Record<InvariantName, InvariantClass>> = {
  'no failure': NoFailure,
  'bounded memory': BoundedMemory,
  'packet identifiers': PacketIdentifiers,
  window: Window,
  'topic aliases': TopicAliases,
  'maximum packet size': MaximumPacketSize,
  'message expiry': MessageExpiry,
  'no local': NoLocal,
  'retain options': RetainOptions,
  'subscription identifiers': SubscriptionIdentifiers,
  'reason codes': ReasonCodes,
  'refused messages': RefusedMessages,
  liveness: Liveness,
  wills: Wills,
  'only to subscribers': OnlyToSubscribers,
  'only what may be received': ReceivePermissions,
  'messages of the broker': OwnMessages,
  'retained state': RetainedState,
  'granted QoS': GrantedQos,
  'QoS 2 comes once': Qos2Once,
  order: Order,
  refusals: Refusals,
  'session present': SessionPresent,
  'session expiry': SessionExpiry,
  credentials: Credentials,
  'operator commands': OperatorCommands,
  backups: Backups,
  'acknowledged is stored': AcknowledgedIsStored,
  'no repeat without DUP': NoRepeatWithoutDup,
  'DUP only on repeats': DupOnlyOnRepeats,
  'nothing acknowledged is lost': NothingLost,
  accounting: Accounting,
};

export function createInvariants(evidence: Evidence, verdict: Verdict): readonly Observations[] {
  return Object.entries(INVARIANTS).map(
    ([name, Invariant]) =>
      new Invariant(evidence, (detail) => {
        verdict.fail(name as InvariantName, detail);
      }),
  );
}
