// Enhanced authentication of MQTT 5 (section 4.12), as far as it is a rule of the protocol: which AUTH may come when,
// and what a client that authenticates again keeps and loses. What the Authentication Data means is the authenticator's
// business.
import { PacketType } from '../../protocol/packets.js';
import type { AuthPacket } from '../../protocol/packets.js';
import { ReasonCode } from '../../protocol/reason-codes.js';
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { Deadlines, TimerKind } from '../deadlines.js';
import { NOW } from '../durability.js';
import type { AuthenticationResult } from '../inputs.js';
import { answerTo } from './answer-to.js';
import type { Connection } from './connection.js';
import type { Connections } from './connections.js';
import { exchanged } from './enhanced-state.js';
import type { EnhancedState } from './enhanced-state.js';

export class EnhancedAuthentication {
  readonly #timer: TimerKind<Connection> = {
    name: 'reauthentication',
    expired: (connection) => {
      this.connections.end(connection, 'authentication-timeout', { reasonCode: ReasonCode.notAuthorized });
    },
  };

  constructor(
    readonly context: Context,
    readonly connections: Connections,
    readonly deadlines: Deadlines,
  ) {}

  received(connection: Connection, { reasonCode, properties }: AuthPacket): void {
    const { enhanced, id } = connection;
    if (enhanced === undefined) {
      this.connections.violated(connection, 'AUTH, where CONNECT has no Authentication Method'); // [MQTT5-4.12.0-7]
      return;
    }
    const { authenticationMethod, authenticationData } = properties ?? {};
    if (authenticationMethod !== enhanced.method) {
      const detail = 'AUTH names another Authentication Method than CONNECT'; // [MQTT5-4.12.0-5], [MQTT5-4.12.1-1]
      // Section 3.14.2.1 has no 0x8C for DISCONNECT, although section 2.4 has, and some clients take it for malformed.
      const isConnected = connection.state === 'connected';
      this.connections.violated(connection, detail, isConnected ? undefined : ReasonCode.badAuthenticationMethod);
      return;
    }
    const answers = reasonCode === ReasonCode.continueAuthentication; // [MQTT5-4.12.0-3]
    if (enhanced.phase !== (answers ? 'challenged' : 'idle')) {
      const detail = answers ? 'AUTH with 0x18 answers no challenge' : 'AUTH with 0x19 before authentication has ended';
      this.connections.violated(connection, detail);
      return;
    }
    enhanced.phase = 'asked';
    if (answers) {
      this.context.effects.continueAuthentication(id, authenticationData);
      return;
    }
    connection.reauthentication ??= new Deadline(this.#timer, connection);
    this.deadlines.set(
      connection.reauthentication,
      this.context.nowMs + this.connections.limitsFor(connection).authTimeoutMs,
    );
    this.context.effects.reauthenticate(id, authenticationData);
  }

  /** The authentication port needs more from the client [MQTT5-4.12.0-2]. */
  challenged(connection: Connection, data: Uint8Array | undefined): void {
    const { enhanced } = connection;
    if (enhanced?.phase !== 'asked') return;
    enhanced.phase = 'challenged';
    this.#send(connection, enhanced, ReasonCode.continueAuthentication, data);
  }

  /** A client that was connected has authenticated again; what it may do, and for how long, is as the answer says. */
  reauthenticated(connection: Connection, result: AuthenticationResult): void {
    const { enhanced } = connection;
    if (enhanced?.phase !== 'asked') return;
    enhanced.phase = 'idle';
    if (connection.reauthentication !== undefined) this.deadlines.clear(connection.reauthentication);
    if (result.decision === 'deny') {
      const { reason, detail } = result;
      const isRefused = reason === 'bad-credentials' || reason === 'not-authorized';
      const reasonCode = isRefused ? ReasonCode.notAuthorized : ReasonCode.serverBusy;
      // [MQTT5-4.12.1-2]
      this.connections.end(connection, 'reauthentication-failed', { detail: `${reason}: ${detail}`, reasonCode });
      return;
    }
    this.connections.permit(connection, result.permissions);
    this.connections.expireCredentials(connection, result.expiresAtMs);
    const { id, session, listener, userName, peer } = connection;
    const { remoteAddress } = peer;
    if (session !== undefined) {
      const { clientId } = session;
      const { method } = enhanced;
      const kind = 'client-reauthenticated';
      this.context.effects.emit({ kind, connection: id, clientId, method, remoteAddress, listener, userName });
    }
    this.#send(connection, enhanced, ReasonCode.success, result.data);
  }

  #send(connection: Connection, { method }: EnhancedState, reasonCode: number, data: Uint8Array | undefined): void {
    if (answerTo(connection, { type: PacketType.auth, reasonCode, properties: exchanged(method, data) }, NOW)) return;
    this.connections.end(connection, 'packet-too-large', { detail: 'AUTH, for its Maximum Packet Size' });
  }
}
