// Where the messages of one batch are stored: in the document that refers to them, or in the collection `messages`,
// where several documents can refer to one and a large payload is cut into parts.
import type { BatchMessage } from './batch-bytes.js';
import type { DraftFields, MessageDocument, MessagePlace } from './collections.js';

/** Of a payload, in one document. */
export const PART_BYTES_MAX = 8 * 1024 * 1024;

export class MessagePlacement {
  readonly #shared = new Set<BatchMessage<DraftFields>>();

  /**
   * @param n the number of the batch in the journal.
   * @param put adds a document to `messages`.
   */
  constructor(
    readonly n: number,
    readonly put: (document: MessageDocument) => void,
  ) {}

  /** A shared message gets an id that is never used again: the batch, and the position in it. */
  placeOf<Fields extends DraftFields>(message: BatchMessage<Fields>): MessagePlace<Fields> {
    const { fields, payload } = message;
    if (message.uses === 1 && payload.byteLength <= PART_BYTES_MAX) return { message: { ...fields, payload } };
    const shared = sharedId(this.n, message.index);
    if (this.#shared.has(message)) return { shared };
    this.#shared.add(message);
    const parts = Math.max(1, Math.ceil(payload.byteLength / PART_BYTES_MAX));
    for (let part = 0; part < parts; part++) {
      this.put({
        _id: partId(shared, part),
        n: this.n,
        part,
        parts,
        payload: payload.subarray(part * PART_BYTES_MAX, (part + 1) * PART_BYTES_MAX),
        ...(part === 0 ? { message: fields } : {}),
      });
    }
    return { shared };
  }
}

/** Sorts like the journal, as text too, so that the garbage collector meets old messages first. */
const sharedId = (n: number, index: number): string => `${String(n).padStart(16, '0')}/${String(index)}`;
export const partId = (shared: string, part: number): string => (part === 0 ? shared : `${shared}/${String(part)}`);
