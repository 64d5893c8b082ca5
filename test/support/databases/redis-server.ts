// A Redis server of the tests' own, which writes each command to its log before it answers.
import { createClient } from '@redis/client';
import { DatabaseServer } from './database-server.js';

export const redisUrl = (port: number): string => `redis://127.0.0.1:${port}`;

export function redisServer(): Promise<DatabaseServer> {
  return DatabaseServer.start({
    command: (port, directory) => [
      'redis-server',
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
    ],
    ping: async (port) => {
      const client = createClient({ url: redisUrl(port), socket: { reconnectStrategy: false, connectTimeout: 5000 } });
      client.on('error', () => undefined);
      await client.connect();
      try {
        await client.ping();
      } finally {
        client.destroy();
      }
    },
  });
}
