// The password file: its format, the messages for invalid files, verification of passwords, and editing.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthenticationRequest, Authenticator, AuthenticatorAnswer, ClientId } from 'hexmq/ports';
import { VirtualClock } from 'hexmq/testkit';
import { PasswordFileEditor } from '../../../../adapters/auth/password-file/file-editing.js';
import { createAuthenticator } from '../../../../adapters/auth/password-file/index.js';
import { hashPassword, isPassword, parsePasswordHash } from '../../../../adapters/auth/passwords/password-hash.js';
import { userNameProblem } from '../../../../adapters/auth/passwords/user-lines.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hexmq-passwd-'));
  path = join(directory, 'passwd');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const clock = new VirtualClock();
const opened = (options: Record<string, unknown> = {}): Authenticator =>
  createAuthenticator({ path, ...options }, { clock });

const requestOf = (userName: string | undefined, password: string | undefined): AuthenticationRequest => ({
  clientId: 'c' as ClientId,
  protocolVersion: 4,
  userName,
  password: password === undefined ? undefined : Buffer.from(password),
  listener: 'tcp',
  peer: { remoteAddress: 'test:1' },
});
const ask = async (
  authenticator: Authenticator,
  userName: string | undefined,
  password: string | undefined,
): Promise<AuthenticatorAnswer> => authenticator.authenticate(requestOf(userName, password));
const decisionOf = async (
  authenticator: Authenticator,
  userName: string | undefined,
  password: string | undefined,
): Promise<string> => {
  const answer = await ask(authenticator, userName, password);
  return answer.decision === 'deny' ? answer.detail : answer.decision;
};

/**
 * Written by mosquitto_passwd 2.0.11: `-H sha512-pbkdf2`, its default, and `-H sha512`. All have the password `secret`.
 */
const GOLDEN = {
  pbkdf2:
    'alice:$7$101$3bA8BEQTtMgceZ6t$VJc9kZk1fokmrKS+JrNDF29Mgx3iwo7Ej/7x3v47VHwOQRiG9CeSdtGArRoz5b3tqRlukK3eI3m/3d4FQoDGXA==',
  sha512:
    'bob:$6$qT+zDyYy6q5ORt2b$MpI4WmylvhxvD88+9/o0BTG53m/0Rwiibya27V8IaWeeI9Ht5zd/77Kv1igCl1KmfR4ysDcAUYp91ds7/3tGiw==',
};
/** The second test vector of RFC 7914, section 12: `password`, `NaCl`. */
const RFC_7914 =
  '$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA';

describe('a password hash', () => {
  test('a hash written by mosquitto_passwd is accepted', async () => {
    for (const line of Object.values(GOLDEN)) {
      const hash = parsePasswordHash(line.slice(line.indexOf(':') + 1));
      expect(await isPassword(hash, Buffer.from('secret'))).toBe(true);
      expect(await isPassword(hash, Buffer.from('Secret'))).toBe(false);
      expect(await isPassword(hash, Buffer.from(''))).toBe(false);
    }
  });

  test('an scrypt hash agrees with RFC 7914', async () => {
    const hash = parsePasswordHash(RFC_7914);
    expect(await isPassword(hash, Buffer.from('password'))).toBe(true);
    expect(await isPassword(hash, Buffer.from('passwore'))).toBe(false);
  });

  test('each hash has a salt of its own and verifies the password', async () => {
    const password = Buffer.from([0xff, 0xfe, 1, 2, 3]);
    const [one, other] = await Promise.all([hashPassword(password, 10), hashPassword(password, 10)]);
    expect(one).toMatch(/^\$scrypt\$ln=10,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(other);
    for (const text of [one, other]) expect(await isPassword(parsePasswordHash(text), password)).toBe(true);
  });

  test('a password with null characters appended is wrong', async () => {
    const hash = parsePasswordHash(await hashPassword(Buffer.from('secret'), 10));
    expect(await isPassword(hash, Buffer.from('secret\0'))).toBe(false);
  });

  test.each([
    [
      'secret',
      'its password is not hashed, expected a hash that begins with $scrypt$, $argon2id$, $7$ or $6$; hexmq passwd writes one',
    ],
    ['', 'its password is not hashed'],
    [
      '$argon2d$v=19$m=47104,t=1,p=1$c2FsdA$aGFzaA',
      'hashed in a way that is not supported, expected a hash that begins with $scrypt$, $argon2id$, $7$ or $6$',
    ],
    ['$2b$10$abcdefghijklmnopqrstuv', 'not supported'],
    ['$6$c2FsdA==', 'expected $6$salt$hash with salt and hash in base64'],
    ['$6$c2FsdA==$aGFzaA==', 'its hash has 4 bytes, expected 64'],
    ['$6$!!$aGFzaA==', 'its hash is damaged'],
    ['$7$0$c2FsdA==$aGFzaA==', 'no valid number of iterations, expected 1 to 10000000'],
    ['$7$99999999$c2FsdA==$aGFzaA==', 'no valid number of iterations'],
    ['$7$c2FsdA==$aGFzaA==', 'no valid number of iterations'],
    ['$scrypt$ln=14,r=8$c2FsdA$aGFzaA', 'expected $scrypt$ln=…,r=…,p=…$salt$hash'],
    ['$scrypt$ln=0,r=8,p=1$c2FsdA$aGFzaA', 'costs too much'],
    ['$scrypt$ln=30,r=8,p=1$c2FsdA$aGFzaA', 'at most 1 GiB of memory'],
    ['$scrypt$ln=14,r=8,p=99$c2FsdA$aGFzaA', 'p of at most 64'],
    ['$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaA', 'its hash has 4 bytes, expected 16 to 64'],
    ['$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaA$more', 'its hash is damaged'],
  ])('the hash %j is refused with what was expected', (text, problem) => {
    expect(() => parsePasswordHash(text)).toThrow(problem);
  });
});

describe('a password hash of argon2id, as Mosquitto writes it since version 2.1', () => {
  // Made by argon2-cffi 25.1, the second with the parameters of a small device.
  const MOSQUITTO = '$argon2id$v=19$m=47104,t=1,p=1$MDEyMzQ1Njc4OWFi$vzA4Zr435DtXPyylamRaUr1xB1C2oZ6I9lU1iRPVLOc';
  const SMALL = '$argon2id$v=19$m=64,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$eA06diOezUGPq7SVGuZWuERCbjySHwV6QJ1XIu2Bm14';
  const LONG =
    '$argon2id$v=19$m=1024,t=2,p=2$c29tZXNhbHRzb21lc2FsdA$' +
    'NOrEP1l8PmKEvxNTwO3Kx+mXyJL/5sCBgTQYdx7IIu+oRDtZ5QDUd7yhXUkdF/YS3ngVnhm/kZKK5KzDjgEl6w';

  test.each([
    [MOSQUITTO, 'secret'],
    [SMALL, 'Straße'],
    [LONG, 'x'.repeat(200)],
  ])('the hash %s is that of its password and of no other', async (text, password) => {
    const hash = parsePasswordHash(text);
    expect(await isPassword(hash, Buffer.from(password))).toBe(true);
    expect(await isPassword(hash, Buffer.from('Secret'))).toBe(false);
    expect(await isPassword(hash, Buffer.from(''))).toBe(false);
  });

  test('hashes of argon2id are made without stopping the event loop, several at a time', async () => {
    const hash = parsePasswordHash(MOSQUITTO);
    let isDone = false;
    const checks = Promise.all(['secret', 'wrong', 'secret'].map((one) => isPassword(hash, Buffer.from(one))));
    void checks.then(() => (isDone = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    expect(await checks).toEqual([true, false, true]);
  });

  test.each([
    ['$argon2id$m=64,t=3,p=4$c29tZXNhbHQ$aGFzaA', 'its hash is damaged'],
    ['$argon2id$v=16$m=64,t=3,p=4$c29tZXNhbHQ$aGFzaA', 'its hash is damaged'],
    ['$argon2id$v=19$m=64,t=0,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaA', 'costs too much or is not possible'],
    ['$argon2id$v=19$m=31,t=1,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaA', 'costs too much or is not possible'],
    ['$argon2id$v=19$m=2097152,t=1,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaA', 'costs too much or is not possible'],
    ['$argon2id$v=19$m=1048576,t=5,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaA', 'costs too much or is not possible'],
    ['$argon2id$v=19$m=64,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaA', 'its hash has 4 bytes, expected 16 to 64'],
    [SMALL.replace('c29tZXNhbHRzb21lc2FsdA', 'c2FsdA'), 'its salt has 4 bytes, expected at least 8'],
  ])('the hash %s is refused', (text, problem) => {
    expect(() => parsePasswordHash(text)).toThrow(problem);
  });
});

describe('a password file', () => {
  test('a password file may have comments, empty lines and line breaks of any system', async () => {
    writeFileSync(
      path,
      `\ufeff# users\r\n\r\n${GOLDEN.pbkdf2}\r\n   \n  carol  : ${GOLDEN.sha512.slice(GOLDEN.sha512.indexOf(':') + 1)}  `,
    );
    const authenticator = opened();
    expect(await decisionOf(authenticator, 'alice', 'secret')).toBe('allow');
    expect(await decisionOf(authenticator, 'carol', 'secret')).toBe('allow');
    expect(await decisionOf(authenticator, '# users', 'secret')).toBe('password-file: unknown user');
  });

  test('an invalid password file is refused with every invalid line and without quoting it', () => {
    writeFileSync(
      path,
      Buffer.concat([
        Buffer.from(`${GOLDEN.pbkdf2}\nbob:hunter2\nno colon at all\n:x\nalice:$6$a$b\n`),
        Buffer.from([0xc3, 0x28, 0x0a]),
      ]),
    );
    const refusal = (): string => {
      try {
        opened();
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refusal()).toBe(
      `${path}: line 2: its password is not hashed, expected a hash that begins with $scrypt$, $argon2id$, $7$ or $6$; hexmq passwd writes one; ` +
        'line 3: there is no colon, expected user:hash; line 4: there is no user name before the colon, expected user:hash; ' +
        'line 5: this user is also in line 1, expected one line for each; line 6: it is not UTF-8',
    );
    writeFileSync(path, 'user:plain\n'.repeat(50));
    expect(refusal()).toMatch(/line 20: [^;]+; and 30 more$/);
  });

  test('a missing or unreadable password file is refused with what to do', () => {
    expect(() => opened()).toThrow(`${path}: there is no such file, expected one made by hexmq passwd ${path} <user>`);
    path = directory;
    expect(() => opened()).toThrow(`${directory}: it cannot be read: it is a directory, expected a regular file`);
  });

  test('an empty password file knows no user', async () => {
    writeFileSync(path, '# no user yet\n');
    expect(await decisionOf(opened(), 'alice', 'secret')).toBe('password-file: unknown user');
    expect(await decisionOf(opened({ unknownUsers: 'abstain' }), 'alice', 'secret')).toBe('abstain');
  });

  test('a reload applies a changed file, and a remembered password does not outlive its hash', async () => {
    writeFileSync(path, `${GOLDEN.pbkdf2}\n`);
    const authenticator = opened();
    expect(await decisionOf(authenticator, 'alice', 'secret')).toBe('allow');
    const file = await PasswordFileEditor.open(path);
    await file.set('alice', Buffer.from('changed'), 10);
    await file.set('dave', Buffer.from('new'), 10);
    await file.save();
    expect(await decisionOf(authenticator, 'dave', 'new')).toBe('password-file: unknown user');
    await authenticator.reload?.();
    expect(await decisionOf(authenticator, 'alice', 'secret')).toBe('password-file: wrong password');
    expect(await decisionOf(authenticator, 'alice', 'changed')).toBe('allow');
    expect(await decisionOf(authenticator, 'dave', 'new')).toBe('allow');
    file.delete('alice');
    await file.save();
    await authenticator.reload?.();
    expect(await decisionOf(authenticator, 'alice', 'changed')).toBe('password-file: unknown user');
    rmSync(path);
    await expect(authenticator.reload?.()).rejects.toThrow('there is no such file');
    expect(await decisionOf(authenticator, 'dave', 'new')).toBe('allow');
  });
});

describe('the password file as an authenticator', () => {
  beforeEach(() => {
    writeFileSync(path, `${GOLDEN.pbkdf2}\n${GOLDEN.sha512}\n`);
  });

  test('the password file abstains for clients without a user name, whatever unknownUsers says', async () => {
    for (const unknownUsers of ['deny', 'abstain'])
      expect(await decisionOf(opened({ unknownUsers }), undefined, undefined)).toBe('abstain');
  });

  test('a user without a password is denied', async () => {
    expect(await decisionOf(opened(), 'alice', undefined)).toBe('password-file: wrong password');
    expect(await decisionOf(opened(), 'alice', '')).toBe('password-file: wrong password');
  });

  test('passwords of known and unknown users are hashed asynchronously', () => {
    const authenticator = opened({ rememberForMs: 0 });
    for (const userName of ['alice', 'bob', 'unknown'])
      expect(authenticator.authenticate(requestOf(userName, 'secret'))).toBeInstanceOf(Promise);
  });

  test('a verified password is accepted without hashing for a while', async () => {
    const authenticator = opened({ rememberForMs: 1000 });
    const answer = (password = 'secret'): unknown => authenticator.authenticate(requestOf('alice', password));
    expect(await answer()).toEqual({ decision: 'allow' });
    expect(answer()).toEqual({ decision: 'allow' });
    expect(await answer('secreT')).toMatchObject({ decision: 'deny' });
    clock.advance(999);
    expect(answer()).toEqual({ decision: 'allow' });
    clock.advance(1);
    expect(answer()).toBeInstanceOf(Promise);
  });

  test('an unknown user name with a known password takes as long as any other', async () => {
    const authenticator = opened();
    await ask(authenticator, 'alice', 'secret');
    const atOnce: string[] = [];
    // Of this many names, some have the hash of alice as their decoy.
    for (let i = 0; i < 20; i++)
      if (!(authenticator.authenticate(requestOf(`unknown ${i}`, 'secret')) instanceof Promise))
        atOnce.push(`unknown ${i}`);
    expect(atOnce).toEqual([]);
  });

  test('every cost that hexmq passwd can write is accepted', async () => {
    const { MIN_COST, MAX_COST } = await import('../../../../adapters/auth/password-file/file-editing.js');
    for (const cost of [MIN_COST, MAX_COST])
      expect(() => parsePasswordHash(`$scrypt$ln=${cost},r=8,p=5$c2FsdA$${'A'.repeat(43)}`)).not.toThrow();
  });

  test('more waiting checks than allowed are rejected', async () => {
    const authenticator = opened({ maxChecks: 1, maxWaitingChecks: 1, rememberForMs: 0 });
    const first = ask(authenticator, 'alice', 'secret');
    const second = ask(authenticator, 'alice', 'secret');
    await expect(ask(authenticator, 'alice', 'secret')).rejects.toThrow(
      'too many requests at once: 1 running, 1 waiting',
    );
    expect(await Promise.all([first, second])).toEqual([{ decision: 'allow' }, { decision: 'allow' }]);
    expect(await ask(authenticator, 'alice', 'secret')).toEqual({ decision: 'allow' });
  });

  test.each([
    [{ path: '' }, 'path: "" is not valid, expected the path of a file made by hexmq passwd'],
    [{ path: 5 }, 'path: 5 is not valid, expected the path'],
    [{ unknownUsers: 'allow' }, 'unknownUsers: "allow" is not valid, expected one of deny, abstain'],
    [{ maxChecks: 0 }, 'maxChecks: 0 is out of range, expected a whole number from 1 to 64'],
    [{ rememberForMs: 1.5 }, 'rememberForMs: 1.5 is not valid, expected a whole number from 0 to 86400000'],
    [{ maxWaitingChecks: '5' }, 'maxWaitingChecks: "5" is not valid, expected a whole number from 0 to 1000000'],
    [{ file: 'x' }, 'file: unknown key, expected path, unknownUsers, maxChecks, maxWaitingChecks, rememberForMs'],
  ])('the password file refuses the options %j', (options, problem) => {
    expect(() => opened(options)).toThrow(problem);
  });
});

describe('the password file editor', () => {
  const edit = async (change: (file: PasswordFileEditor) => Promise<unknown> | void): Promise<void> => {
    const file = await PasswordFileEditor.open(path);
    await change(file);
    await file.save();
  };
  const set = (userName: string, password = 'secret'): Promise<void> =>
    edit((file) => file.set(userName, Buffer.from(password), 10));

  test('a new password file is readable for its owner only', async () => {
    await set('alice');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await decisionOf(opened(), 'alice', 'secret')).toBe('allow');
  });

  test('editing keeps every other line, byte for byte, and the mode', async () => {
    const before = [
      '# kept',
      '',
      GOLDEN.pbkdf2,
      ' odd line without a colon\r',
      'bob:plain',
      Buffer.from([0xff, 0xfe]).toString('latin1'),
      'zoe:$argon2id$x',
    ];
    writeFileSync(path, Buffer.from(before.join('\n'), 'latin1'));
    chmodSync(path, 0o640);
    await set('bob');
    await set('carol');
    const after = readFileSync(path, 'latin1').split('\n');
    expect(after.filter((line) => !line.startsWith('bob:') && !line.startsWith('carol:'))).toEqual([
      ...before.filter((line) => line !== 'bob:plain'),
      '',
    ]);
    expect(after[4]).toMatch(/^bob:\$scrypt\$/);
    expect(after[7]).toMatch(/^carol:\$scrypt\$/);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    await edit((file) => {
      expect(file.userNames).toEqual(['alice', 'bob', 'zoe', 'carol']);
      expect([file.delete('alice'), file.delete('unknown')]).toEqual([true, false]);
    });
    expect(readFileSync(path, 'latin1')).not.toContain('alice');
  });

  test('setting a password leaves one line of a user that had several', async () => {
    writeFileSync(path, `${GOLDEN.pbkdf2}\n# between\n${GOLDEN.pbkdf2}\nbob:x\nalice:y`);
    await set('alice', 'new');
    expect(
      readFileSync(path, 'latin1')
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['alice', '# between', 'bob', '']);
  });

  test('user names may be in any alphabet', async () => {
    await set('Žofie 🦊');
    await set('Žofie 🦊', 'changed');
    expect((await PasswordFileEditor.open(path)).userNames).toEqual(['Žofie 🦊']);
    expect(await decisionOf(opened(), 'Žofie 🦊', 'changed')).toBe('allow');
  });

  test.each(['', ' ', 'a:b', 'a\nb', 'a\rb', 'a\0b', ' a', 'a ', '#a', 'n'.repeat(65_536)])(
    'the password file editor refuses the user name %j',
    async (userName) => {
      expect(userNameProblem(userName)).toMatch(/^it /);
      await expect(set(userName)).rejects.toThrow('this user name is not valid in a password file');
    },
  );
});
