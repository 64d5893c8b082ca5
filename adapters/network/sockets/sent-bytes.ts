// How much of what was written to a socket has left for the network, also within one large write.
import type { Socket } from 'node:net';

/** Of a socket of TCP or of a path. Node itself looks at `writeQueueSize` to know whether a socket that writes is idle. */
interface Handle {
  /** Handed to the operating system, or waiting for it to take them. */
  readonly bytesWritten: number;
  /** Of those, the ones that wait. */
  readonly writeQueueSize: number;
  /** Of one of TLS: what it is on. */
  readonly _parent?: Handle;
}

/**
 * Node counts a write as waiting until all of it has left, and makes one write of whatever was written meanwhile: by what it says, a peer that reads
 * slowly looks for minutes as if it read nothing.
 */
export function sentBytes(socket: Socket): number {
  const { _handle: own } = socket as unknown as { readonly _handle?: Handle | null };
  const handle = own?._parent ?? own;
  return handle?.writeQueueSize === undefined
    ? socket.bytesWritten - socket.writableLength
    : handle.bytesWritten - handle.writeQueueSize;
}
