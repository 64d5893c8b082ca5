// The reason why a store cannot be moved, which the user can fix: one sentence, no stack.

export class TransferError extends Error {
  override readonly name = 'TransferError';
}
