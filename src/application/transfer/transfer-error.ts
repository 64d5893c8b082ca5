// What keeps a store from being moved, and is the user's to mend: one sentence, no stack.

export class TransferError extends Error {
  override readonly name = 'TransferError';
}
