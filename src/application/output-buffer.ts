// Bytes on their way to one connection, collected so that a turn makes one write of them. It begins as large as it was
// the last time and doubles; an idle connection has none.

const FIRST_BYTES = 256;
/** The largest initial size; a connection that sends more at once grows its buffer each time. */
const FIRST_BYTES_MAX = 64 * 1024;
/** Blocks are cut from slabs, so that a connection with one small packet to send does not cost an allocation. */
const SLAB_BYTES = 64 * 1024;
const FROM_SLAB_MAX = 4096;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let slabUsed = 0;

// Buffers, because that is what a socket makes of any other bytes first.
function block(bytes: number): Buffer {
  if (bytes > FROM_SLAB_MAX) return Buffer.allocUnsafeSlow(bytes);
  if (slabUsed + bytes > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabUsed = 0;
  }
  const cut = slab.subarray(slabUsed, slabUsed + bytes);
  slabUsed += bytes;
  return cut;
}

const NOTHING = Buffer.alloc(0);

export class OutputBuffer {
  bytes: Buffer = NOTHING;
  length = 0;
  /**
   * Whether its blocks are its own. What stays for long must not be cut from a slab: it would keep the whole slab.
   */
  ownsBlocks = false;
  /** The initial size: a connection with much output usually continues to have much. */
  #firstBytes = FIRST_BYTES;

  /** Makes room for `more` bytes; the caller writes them at `bytes[length]` and moves `length`. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    let size = Math.max(this.#firstBytes, this.bytes.length * 2);
    while (size < needed) size *= 2;
    const grown = this.ownsBlocks ? Buffer.allocUnsafeSlow(size) : block(size);
    if (this.length > 0) grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** `take`, in a block of about its size. */
  takeExactly(): Buffer {
    const taken = this.take();
    if (taken.buffer.byteLength * 3 <= taken.length * 4) return taken;
    const exact = Buffer.allocUnsafeSlow(taken.length);
    exact.set(taken);
    return exact;
  }

  /** What was collected; the buffer is empty again and has given it up. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.#firstBytes = FIRST_BYTES;
    while (this.#firstBytes < this.length && this.#firstBytes < FIRST_BYTES_MAX) this.#firstBytes *= 2;
    this.bytes = NOTHING;
    this.length = 0;
    return taken;
  }
}
