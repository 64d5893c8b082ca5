// Bytes on their way to one connection, collected so that a turn makes one write of them. It begins small and doubles; an idle connection has none.

const FIRST_BYTES = 256;
/** Blocks are cut from slabs, so that a connection with one small packet to send does not cost an allocation. */
const SLAB_BYTES = 64 * 1024;
const FROM_SLAB_MAX = 4096;

let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

function block(bytes: number): Uint8Array {
  if (bytes > FROM_SLAB_MAX) return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  if (slabUsed + bytes > SLAB_BYTES) {
    slab = new Uint8Array(Buffer.allocUnsafeSlow(SLAB_BYTES).buffer);
    slabUsed = 0;
  }
  const cut = new Uint8Array(slab.buffer, slabUsed, bytes);
  slabUsed += bytes;
  return cut;
}

const NOTHING = new Uint8Array(0);

export class OutputBuffer {
  bytes: Uint8Array = NOTHING;
  length = 0;

  /** Makes room for `more` bytes; the caller writes them at `bytes[length]` and moves `length`. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    let size = Math.max(FIRST_BYTES, this.bytes.length * 2);
    while (size < needed) size *= 2;
    const grown = block(size);
    if (this.length > 0) grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** What was collected; the buffer is empty again and has given it up. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = NOTHING;
    this.length = 0;
    return taken;
  }
}
