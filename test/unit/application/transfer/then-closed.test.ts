// A storage that is used and then closed, where both can fail.
import { expect, test } from '@jest/globals';
import { thenClosed } from '../../../../src/application/transfer/then-closed.js';

test('a failure while a storage is used is the one that is reported, whatever closing it says', async () => {
  const close = (): Promise<void> => Promise.reject(new Error('not closed'));
  await expect(thenClosed({ close }, () => Promise.reject(new Error('the cause')))).rejects.toThrow('the cause');
  await expect(thenClosed({ close }, () => Promise.resolve(1))).rejects.toThrow('not closed');
});
