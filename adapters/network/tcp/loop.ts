// A connection of the process to itself. For a moment there is a port on the loopback address that anyone on this
// machine could connect to: whoever is not us is cut off unheard.
import { connect, createServer } from 'node:net';
import type { AddressInfo, ServerOpts, Socket } from 'node:net';
import type { Channel, ChannelHandler } from 'hexmq/ports';
import { TcpChannel } from './channel.js';

const LOOPBACK = '127.0.0.1';

export function openLoop(
  options: ServerOpts,
  accept: (channel: Channel) => ChannelHandler,
  handler: ChannelHandler,
): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const server = createServer(options);
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const { port } = server.address() as AddressInfo;
      const near = connect({ port, host: LOOPBACK, noDelay: true });
      const failed = (error: Error): void => {
        server.close();
        reject(error);
      };
      near.once('error', failed);
      server.on('connection', (far: Socket) => {
        if (far.remotePort !== near.localPort) {
          far.destroy();
          return;
        }
        server.close();
        near.off('error', failed);
        const accepted = new TcpChannel(far);
        accepted.start(accept(accepted));
        const channel = new TcpChannel(near);
        channel.start(handler);
        resolve(channel);
      });
    });
  });
}
