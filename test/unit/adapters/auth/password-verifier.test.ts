// The verification of passwords that the password file and MongoDB share: what is hashed, what waits, and what is
// remembered. With one check at a time and no place to wait, a second request succeeds only if nothing has to be
// hashed.
import { describe, expect, test } from '@jest/globals';
import { scryptSync } from 'node:crypto';
import type { AuthenticationRequest } from 'hexmq/ports';
import { VirtualClock } from 'hexmq/testkit';
import { MongoAuthenticator } from '../../../../adapters/auth/mongodb/mongo-authenticator.js';
import type { Directory } from '../../../../adapters/auth/mongodb/directory.js';
import { parsePasswordHash } from '../../../../adapters/auth/passwords/password-hash.js';
import { PasswordVerifier } from '../../../../adapters/auth/passwords/password-verifier.js';

/** The cheapest hash that is accepted. */
function hashOf(password: string): string {
  const salt = Buffer.from('a salt for tests');
  const hash = scryptSync(password, salt, 32, { N: 16, r: 8, p: 1 });
  return `$scrypt$ln=4,r=8,p=1$${salt.toString('base64')}$${hash.toString('base64')}`;
}

const HASH = parsePasswordHash(hashOf('right'));
const OTHER_HASH = parsePasswordHash(hashOf('other'));
const RIGHT = Buffer.from('right');
const WRONG = Buffer.from('wrong');
const LIMITS = { maxChecks: 1, maxWaitingChecks: 0, rememberForMs: 60_000 };
const BUSY = 'too many requests at once: 1 running, 0 waiting';

describe('a password verifier', () => {
  test('a right password is hashed once for a while, and a wrong one each time', async () => {
    const clock = new VirtualClock();
    const verifier = new PasswordVerifier(LIMITS, clock);
    const twice = (password: Uint8Array, hash = HASH) =>
      Promise.allSettled([verifier.verify(hash, password, undefined), verifier.verify(hash, password, undefined)]);
    const busy = expect.objectContaining({ status: 'rejected', reason: expect.objectContaining({ message: BUSY }) });
    const was = (value: boolean) => ({ status: 'fulfilled', value });
    expect(await twice(RIGHT)).toEqual([was(true), busy]);
    expect(await twice(RIGHT)).toEqual([was(true), was(true)]);
    expect(verifier.isRemembered(HASH, RIGHT)).toBe(true);
    expect(await twice(WRONG)).toEqual([was(false), busy]);
    expect(await twice(WRONG)).toEqual([was(false), busy]);
    expect(await twice(RIGHT, OTHER_HASH)).toEqual([was(false), busy]);
    clock.advance(60_000);
    expect(verifier.isRemembered(HASH, RIGHT)).toBe(false);
    expect(await twice(RIGHT)).toEqual([was(true), busy]);
  });

  test('a password that was verified while others with the same one waited is not hashed for them', async () => {
    const verifier = new PasswordVerifier({ ...LIMITS, maxWaitingChecks: 1 }, new VirtualClock());
    const order: string[] = [];
    const first = verifier.verify(HASH, RIGHT, undefined).then(() => {
      order.push('first');
      // One more turn of the event loop than a remembered password takes, and far less than a hash takes.
      setImmediate(() => order.push('next turn'));
    });
    const second = verifier.verify(HASH, RIGHT, undefined).then((isRight) => order.push(`second ${isRight}`));
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second true']);
  });

  test('with nothing to be remembered, every password is hashed', async () => {
    const verifier = new PasswordVerifier({ ...LIMITS, rememberForMs: 0 }, new VirtualClock());
    expect(await verifier.verify(HASH, RIGHT, undefined)).toBe(true);
    const both = [verifier.verify(HASH, RIGHT, undefined), verifier.verify(HASH, RIGHT, undefined)];
    await expect(Promise.all(both)).rejects.toThrow(BUSY);
  });

  test('a decoy is hashed each time, even if the password is remembered for that hash', async () => {
    const verifier = new PasswordVerifier(LIMITS, new VirtualClock());
    await verifier.verify(HASH, RIGHT, undefined);
    const both = [verifier.verifyDecoy(HASH, RIGHT, undefined), verifier.verifyDecoy(HASH, RIGHT, undefined)];
    await expect(Promise.all(both)).rejects.toThrow(BUSY);
  });

  test('requests wait in order, leave the queue when cancelled, and end when the verifier is closed', async () => {
    const verifier = new PasswordVerifier({ ...LIMITS, maxWaitingChecks: 3, rememberForMs: 0 }, new VirtualClock());
    const client = new AbortController();
    const ended: string[] = [];
    const ask = (name: string, signal?: AbortSignal) =>
      verifier.verify(HASH, RIGHT, signal).then(
        (isRight) => ended.push(`${name} ${isRight}`),
        (error: Error) => ended.push(`${name} ${error.message}`),
      );
    const requests = [ask('one'), ask('two', client.signal), ask('three'), ask('four'), ask('five')];
    client.abort();
    await Promise.all(requests);
    expect(ended).toEqual([
      'five too many requests at once: 1 running, 3 waiting',
      'two the request was cancelled',
      'one true',
      'three true',
      'four true',
    ]);

    ended.length = 0;
    const last = [ask('six'), ask('seven')];
    verifier.close();
    await Promise.all([...last, ask('eight')]);
    expect(ended.sort()).toEqual(['eight closed', 'seven closed', 'six true']);
  });
});

test('the MongoDB authenticator hashes a password for an unknown user as it does for a known one', async () => {
  const directory = {
    find: (_collection: string, _field: string, [name]: readonly string[]) =>
      Promise.resolve(name === 'ann' ? [{ _id: 'ann', passwordHash: hashOf('right') }] : []),
  } as unknown as Directory;
  const decoys: unknown[] = [];
  const verifier = new PasswordVerifier(LIMITS, new VirtualClock());
  const verifyDecoy = verifier.verifyDecoy.bind(verifier);
  verifier.verifyDecoy = (like, password, signal) => {
    decoys.push(like.scheme === 'scrypt' ? like.ln : undefined);
    return verifyDecoy(like, password, signal);
  };
  const fields = { userName: '_id', passwordHash: 'passwordHash', enabled: 'enabled', clientIds: 'clientIds' };
  const settings = {
    collection: 'users',
    unknownUsers: 'deny',
    fields: { ...fields, permissions: undefined },
  } as const;
  const authenticator = new MongoAuthenticator(settings, directory, verifier);
  const ask = (userName: string) =>
    authenticator.authenticate({ userName, password: RIGHT, clientId: 'c' } as unknown as AuthenticationRequest);
  expect(await ask('bob')).toMatchObject({ decision: 'deny', detail: 'mongodb: there is no such user' });
  expect(await ask('ann')).toEqual({ decision: 'allow' });
  expect(await ask('bob')).toMatchObject({ decision: 'deny' });
  // The default cost first, then that of the latest known user.
  expect(decoys).toEqual([14, 4]);
});
