// Bugs in how clients are refused for want of a place.
import { Connections } from '../../../src/domain/connect/connections.js';
import { Handshake } from '../../../src/domain/connect/handshake.js';
import type { ClientId } from '../../../src/domain/identifiers.js';
import { PacketType } from '../../../src/protocol/packets.js';
import type { PlantedBug } from './planted-bug.js';
import { replaceMethod, withValue } from './replace-method.js';

const FULL: ReadonlySet<string> = new Set(['too-many-connections', 'too-many-sessions', 'session-bytes-full']);

export const REFUSAL_BUGS: readonly PlantedBug[] = [
  {
    name: 'more connected clients than there may be',
    breaks: ['refusals'],
    plant: () => replaceMethod(Connections.prototype, 'full', () => undefined),
  },
  {
    name: 'a client that is refused although there is a place for one more',
    breaks: ['refusals'],
    plant: () =>
      replaceMethod(Connections.prototype, 'full', (self, full, listener) => {
        const { maxConnections } = self.context.limits;
        return self.connectedCount === maxConnections - 1 ? `${maxConnections} are connected` : full(listener);
      }),
  },
  {
    name: 'a client that loses its session when its CONNECT is refused',
    breaks: ['session present', 'nothing acknowledged is lost', 'acknowledged is stored', 'reason codes'],
    plant: () =>
      replaceMethod(Connections.prototype, 'refuse', (self, refuse, connection, reason, detail) => {
        const { clientId } = connection;
        const session = clientId === undefined ? undefined : self.sessions.get(clientId);
        if (FULL.has(reason) && session !== undefined && session.holder === undefined)
          self.sessions.end(session, 'clean');
        refuse(connection, reason, detail);
      }),
  },
  {
    name: 'a client that gets no place although it replaces its own connection',
    breaks: ['refusals'],
    plant: () =>
      replaceMethod(Handshake.prototype, 'packet', (self, handle, connection, packet) => {
        const clientId = packet.type === PacketType.connect ? packet.clientId : '';
        const session = self.sessions.get(clientId as ClientId);
        if (session === undefined) handle(connection, packet);
        else
          withValue(session, 'holder', undefined, () => {
            handle(connection, packet);
          });
      }),
  },
  {
    name: 'a will that is published although its CONNECT was refused',
    breaks: ['wills'],
    plant: () =>
      replaceMethod(Handshake.prototype, 'packet', (self, handle, connection, packet) => {
        handle(connection, packet);
        if (packet.type !== PacketType.connect || packet.will === undefined || connection.state !== 'ended') return;
        const clientId = packet.clientId as ClientId;
        self.wills.hold(clientId, packet.will, () => undefined);
        self.wills.connectionEnded({ clientId, userName: undefined, access: undefined }, 0, 0);
      }),
  },
];
