// Laws about the listener itself.
import { NetworkError } from '../../ports/index.js';
import { ensure, show } from '../compare.js';
import { size } from './bytes.js';
import type { Law } from './scenario.js';

export const LISTENING_LAWS: readonly Law[] = [
  [
    'a closed listener accepts no connection, and open connections continue',
    async (scenario) => {
      const address = await scenario.listen();
      const { peer, channel, handler } = await scenario.connect(address);
      await scenario.subject.listener.close();
      const isRefused = await scenario.subject.connect(address).then(
        () => false,
        () => true,
      );
      ensure(isRefused, 'a peer could connect to a closed listener');
      handler.during(() => channel.write(Uint8Array.of(5)));
      await scenario.until('a byte did not arrive after the listener was closed', () => size(peer.received) === 1);
      ensure(handler.closings.length === 0, 'closing the listener closed a connection');
    },
  ],
  [
    'close is allowed before listen, and twice',
    async (scenario) => {
      await scenario.subject.listener.close();
      await scenario.listen();
      await scenario.subject.listener.close();
      await scenario.subject.listener.close();
    },
  ],
  [
    'listening on an address in use fails with a NetworkError that gives advice',
    async (scenario) => {
      const second = scenario.subject.createOnSameAddress(await scenario.listen());
      const error: unknown = await second
        .listen(() => undefined)
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      await second.close();
      ensure(error !== undefined, 'two listeners listen on one address');
      ensure(
        error instanceof NetworkError,
        `the error is not a NetworkError but ${error instanceof Error ? String(error) : show(error)}`,
      );
      ensure(/in use; /.test(error.message), `it gives no advice: ${error.message}, expected "… in use; …"`);
    },
  ],
];
