// A Unix socket that a process which was killed has left behind: it can be removed, unlike one that is in use.
import { lstatSync } from 'node:fs';
import { connect } from 'node:net';

/** @param error why the path cannot be listened on. @returns whether it is a socket that no process listens on. */
export async function isStaleSocket(error: NodeJS.ErrnoException | undefined, path: string): Promise<boolean> {
  if (error?.code !== 'EADDRINUSE' || lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code === 'ECONNREFUSED');
    });
  });
}
