// Passwords against the hashes of documents: a few at a time, a bounded number that waits, and what is remembered.
import { describe, expect, test } from '@jest/globals';
import { scryptSync } from 'node:crypto';
import { VirtualClock } from 'hexmq/testkit';
import { PasswordChecks } from '../../../../adapters/auth/mongodb/password-checks.js';

function hashOf(password: string): string {
  const salt = Buffer.from('a salt for tests');
  return `$scrypt$ln=4,r=8,p=1$${salt.toString('base64')}$${scryptSync(password, salt, 32, { N: 16, r: 8, p: 1 }).toString('base64')}`;
}

const HASH = hashOf('right');
const RIGHT = Buffer.from('right');
const LIMITS = { maxChecks: 1, maxWaitingChecks: 0, rememberForMs: 60_000 };
const BUSY = '0 passwords wait to be checked';

describe('password checks', () => {
  test('are made once for a password that was right, for a while, and each time for one that was wrong', async () => {
    const clock = new VirtualClock();
    const checks = new PasswordChecks(LIMITS, clock);
    const twice = (password: Uint8Array, hash: string | undefined = HASH) =>
      Promise.allSettled([checks.isRight(hash, password), checks.isRight(hash, password)]);
    const busy = expect.objectContaining({ status: 'rejected', reason: expect.objectContaining({ message: BUSY }) });
    const was = (value: boolean) => ({ status: 'fulfilled', value });
    // The second has no place while the first is hashed; once it is known, nothing has to be.
    expect(await twice(RIGHT)).toEqual([was(true), busy]);
    expect(await twice(RIGHT)).toEqual([was(true), was(true)]);
    expect(await twice(Buffer.from('wrong'))).toEqual([was(false), busy]);
    expect(await twice(Buffer.from('wrong'))).toEqual([was(false), busy]);
    expect(await twice(RIGHT, hashOf('other'))).toEqual([was(false), busy]);
    clock.advance(60_000);
    expect(await twice(RIGHT)).toEqual([was(true), busy]);
  });

  test('are made each time where nothing is to be remembered', async () => {
    const checks = new PasswordChecks({ ...LIMITS, rememberForMs: 0 }, new VirtualClock());
    expect(await checks.isRight(HASH, RIGHT)).toBe(true);
    await expect(Promise.all([checks.isRight(HASH, RIGHT), checks.isRight(HASH, RIGHT)])).rejects.toThrow(BUSY);
  });

  test('hash something for a user who is not there, who never has the right password', async () => {
    const checks = new PasswordChecks(LIMITS, new VirtualClock());
    await checks.isRight(HASH, RIGHT);
    const outcomes = await Promise.allSettled([checks.isRight(undefined, RIGHT), checks.isRight(undefined, RIGHT)]);
    expect(outcomes).toEqual([{ status: 'fulfilled', value: false }, expect.objectContaining({ status: 'rejected' })]);
  });

  test('wait for their turn in order, leave it when nobody waits for them, and end with a close', async () => {
    const checks = new PasswordChecks({ ...LIMITS, maxWaitingChecks: 3, rememberForMs: 0 }, new VirtualClock());
    const client = new AbortController();
    const ended: string[] = [];
    const ask = (name: string, signal?: AbortSignal) =>
      checks.isRight(HASH, RIGHT, signal).then(
        (isRight) => ended.push(`${name} ${isRight}`),
        (error: Error) => ended.push(`${name} ${error.message}`),
      );
    const asked = [ask('one'), ask('two', client.signal), ask('three'), ask('four'), ask('five')];
    client.abort();
    await Promise.all(asked);
    expect(ended).toEqual([
      'five 3 passwords wait to be checked',
      'two nobody waits for the answer any more',
      'one true',
      'three true',
      'four true',
    ]);

    ended.length = 0;
    const last = [ask('six'), ask('seven')];
    checks.close();
    await Promise.all([...last, ask('eight')]);
    expect(ended.sort()).toEqual(['eight it is closed', 'seven it is closed', 'six true']);
  });
});
