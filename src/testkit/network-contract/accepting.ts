// Laws about incoming connections: what an adapter reports before and while a connection is accepted.
import { askOnlyIf } from '../asking.js';
import { ensure, show } from '../compare.js';
import { size } from './bytes.js';
import { settle } from './scenario.js';
import type { Law } from './scenario.js';

const NO_HANDSHAKE = 'the factory provides no `connectWithoutHandshake`: there is no handshake';

export const ACCEPTING_LAWS: readonly Law[] = [
  [
    'a channel describes its peer, as the incoming connection did',
    async (scenario) => {
      const { channel } = await scenario.connected();
      ensure(channel.peer.remoteAddress !== '', 'peer.remoteAddress is empty, expected an address for humans');
      const [connection] = scenario.connections;
      ensure(
        connection?.peer.remoteAddress === channel.peer.remoteAddress,
        `the channel has the address ${show(channel.peer.remoteAddress)}, ` +
          `the incoming connection had ${show(connection?.peer.remoteAddress)}`,
      );
      const { ipAddress } = channel.peer;
      ensure(
        ipAddress === undefined || /^[\d.]+$|^[0-9a-fA-F:]*:[0-9a-fA-F:.]*(%.+)?$/.test(ipAddress),
        `peer.ipAddress is ${show(ipAddress)}, expected an IP address without a port`,
      );
    },
  ],
  [
    'a channel that is paused during accept delivers nothing until resume',
    async (scenario) => {
      const address = await scenario.listen((channel) => {
        channel.pause();
      });
      const { peer, channel, handler } = await scenario.connect(address);
      peer.write(Uint8Array.of(1, 2));
      await settle();
      ensure(handler.chunks.length === 0, 'data was called while the channel was paused');
      channel.resume();
      await scenario.until('the bytes did not arrive after resume', () => size(handler.chunks) === 2);
    },
  ],
  [
    'a channel that is closed during accept ends',
    async (scenario) => {
      const address = await scenario.listen((channel) => {
        channel.close(0);
      });
      // The peer may see that as a failed handshake.
      const peer = await scenario.subject.connect(address).catch(() => undefined);
      await scenario.until('closed was not called', () => scenario.handlers[0]?.closings.length === 1);
      await peer?.closed;
    },
  ],
  [
    'a rejected connection is closed unread, and reported once',
    async (scenario) => {
      const address = await scenario.listenAndReject();
      // The peer may see that as a failed handshake.
      const peer = await scenario.subject.connect(address).catch(() => undefined);
      await scenario.until('a connection was not reported', () => scenario.rejected > 0);
      let isClosed = peer === undefined;
      void peer?.closed.then(() => (isClosed = true));
      await scenario.until('a rejected connection is not closed', () => isClosed);
      ensure(size(peer?.received ?? []) === 0, 'bytes were sent to a rejected connection');
      await settle();
      ensure(scenario.rejected === 1, `one connection was reported ${String(scenario.rejected)} times`);
    },
  ],
  [
    'a connection whose peer leaves before its handshake is aborted, if there is a handshake',
    async (scenario) => {
      const address = await scenario.listen();
      for (const how of ['reset', 'end'] as const) {
        const pending = await scenario.withoutHandshake(address);
        askOnlyIf(pending !== undefined, NO_HANDSHAKE);
        pending.peer[how]();
        await scenario.untilAborted(pending.peer, pending.connection);
      }
    },
  ],
  [
    'closing the listener aborts a connection before its handshake, if there is a handshake',
    async (scenario) => {
      const pending = await scenario.withoutHandshake(await scenario.listen());
      askOnlyIf(pending !== undefined, NO_HANDSHAKE);
      await scenario.subject.listener.close();
      await scenario.untilAborted(pending.peer, pending.connection);
    },
  ],
];
