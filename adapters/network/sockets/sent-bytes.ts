// Bytes of a socket that have left for the network, also within one large write. Node's own counters treat a write as
// pending until all of it has left, and merge everything written meanwhile into one write: by them, a slow reader seems
// to read nothing for minutes.
import type { Socket } from 'node:net';

/** Node's internal handle of a socket. Node itself reads `writeQueueSize` to tell whether a writing socket is idle. */
interface Handle {
  /** Given to the operating system, or queued for it. */
  readonly bytesWritten: number;
  /** The queued part of `bytesWritten`. */
  readonly writeQueueSize: number;
  /** The handle below a TLS handle. */
  readonly _parent?: Handle;
}

/** Falls back to Node's counters if the internal handle is missing or has changed. */
export function sentBytes(socket: Socket): number {
  const { _handle: own } = socket as unknown as { readonly _handle?: Handle | null };
  const handle = own?._parent ?? own;
  return handle?.writeQueueSize === undefined
    ? socket.bytesWritten - socket.writableLength
    : handle.bytesWritten - handle.writeQueueSize;
}
