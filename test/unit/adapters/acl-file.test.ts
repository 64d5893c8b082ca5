// The ACL file: Mosquitto's syntax, the rules it gives, and the messages for invalid files.
import { afterEach, describe, expect, test } from '@jest/globals';
import { accessOf } from '../../../src/domain/access/access.js';
import { createAuthorizer } from '../../../adapters/auth/acl-file/index.js';
import type {
  AuthorizationRequest,
  Authorizer,
  Permissions,
  TopicFilter,
  TopicName,
} from '../../../src/ports/index.js';
import { temporaryFile } from '../../support/temporary-file.js';
import type { TemporaryFile } from '../../support/temporary-file.js';

const files: TemporaryFile[] = [];
afterEach(async () => {
  for (const file of files.splice(0)) await file.remove();
});

async function aclFile(text: string | Uint8Array): Promise<{ file: TemporaryFile; authorizer: Authorizer }> {
  const file = await temporaryFile('acl', text);
  files.push(file);
  return { file, authorizer: createAuthorizer({ path: file.path }) };
}

const ask = (authorizer: Authorizer, clientId: string, userName?: string): Permissions =>
  authorizer.authorize({
    clientId,
    userName,
    protocolVersion: 4,
    listener: 'tcp',
    peer: { remoteAddress: '' },
    permissions: undefined,
  } as unknown as AuthorizationRequest) as Permissions;

/** The decisions about publish, receive and subscribe: `+` for allowed. */
function may(permissions: Permissions, topic: string): string {
  const access = accessOf(permissions);
  const answers = [
    access.publish(topic as TopicName),
    access.receive(topic as TopicName),
    access.subscribe(topic as TopicFilter),
  ];
  return answers.map(({ isAllowed }) => (isAllowed ? '+' : '-')).join('');
}

describe('topic lines', () => {
  test('topic lines apply to the user above them, and before any user to clients without a user name', async () => {
    const { authorizer } = await aclFile(
      '# for those without a name\ntopic read news/#\n\nuser ann\ntopic own/#\n\nuser bob\ntopic write own/#\n\nuser ann\ntopic read more\n',
    );
    expect([may(ask(authorizer, 'c'), 'news/1'), may(ask(authorizer, 'c'), 'own/1')]).toEqual(['-++', '---']);
    const ann = ask(authorizer, 'c', 'ann');
    expect(['own/1', 'more', 'news/1'].map((topic) => may(ann, topic))).toEqual(['+++', '-++', '---']);
    expect(may(ask(authorizer, 'c', 'bob'), 'own/1')).toBe('+--');
    expect(ask(authorizer, 'c', 'unknown')).toEqual({ kind: 'rules', rules: [] });
  });

  test.each([
    ['topic x', '+++'],
    ['topic readwrite x', '+++'],
    ['topic read x', '-++'],
    ['topic write x', '+--'],
    ['topic subscribe x', '--+'],
    ['topic deny x', '---'],
    ['  topic   read   x  ', '-++'],
    ['\ttopic\tread\tx\r', '-++'],
  ])('the line %j gives publish, receive, subscribe %s', async (line, expected) => {
    const { authorizer } = await aclFile(`${line}\n`);
    expect(may(ask(authorizer, 'c'), 'x')).toBe(expected);
  });

  test('denying lines take precedence wherever they are written, and are named in the decision', async () => {
    const { authorizer } = await aclFile('topic read plant/#\ntopic deny plant/secret\n');
    const permissions = ask(authorizer, 'c');
    expect(accessOf(permissions).receive('plant/secret' as TopicName).reason).toBe(
      'denied by acl line 2 (plant/secret)',
    );
    expect(may(permissions, 'plant/x')).toBe('-++');
  });

  test('names and topics may contain spaces and non-ASCII characters', async () => {
    const { authorizer } = await aclFile('user Zoë of the plant\ntopic read a topic/größe\n');
    expect(may(ask(authorizer, 'c', 'Zoë of the plant'), 'a topic/größe')).toBe('-++');
  });
});

describe('patterns', () => {
  test('patterns apply to every client, after the lines of the user', async () => {
    const { authorizer } = await aclFile(
      'user ann\ntopic write devices/x/up\npattern deny devices/x/up\npattern write devices/%c/up\npattern read users/%u/#\n',
    );
    expect(may(ask(authorizer, 'x', 'ann'), 'devices/x/up')).toBe('+--');
    expect(may(ask(authorizer, 'x'), 'devices/x/up')).toBe('---');
    expect(may(ask(authorizer, 'm7'), 'devices/m7/up')).toBe('+--');
    expect(may(ask(authorizer, 'm7'), 'devices/m8/up')).toBe('---');
    expect(may(ask(authorizer, 'm7', 'bob'), 'users/bob/a')).toBe('-++');
    expect(may(ask(authorizer, 'm7'), 'users//a')).toBe('---');
  });

  test.each(['+', '#', 'a/b', '', '$SYS', '+/#'])(
    'patterns with the name %j deny everything except what the lines of the user allow',
    async (name) => {
      const { authorizer } = await aclFile('user ann\ntopic read news\npattern read %c/#\npattern read public\n');
      const permissions = ask(authorizer, name, 'ann');
      expect(['news', 'public', 'x/y', '$SYS/x'].map((topic) => may(permissions, topic))).toEqual([
        '-++',
        '---',
        '---',
        '---',
      ]);
      expect(accessOf(permissions).receive('public' as TopicName).reason).toBe(
        'denied by acl line 3: this client identifier cannot be part of a topic (#)',
      );
    },
  );

  test('a placeholder inside a name is not replaced', async () => {
    const { authorizer } = await aclFile('pattern read %u/%c\n');
    expect(ask(authorizer, '$&', '%c')).toMatchObject({ rules: [{ effect: 'deny' }] });
    expect(ask(authorizer, 'a$&', '%c')).toMatchObject({ rules: [{ topicFilter: '%c/a$&' }] });
  });

  test('without placeholders, clients of one user share one permissions object', async () => {
    const { authorizer } = await aclFile('user ann\ntopic read a\npattern read b\n');
    expect(ask(authorizer, 'one', 'ann')).toBe(ask(authorizer, 'two', 'ann'));
    expect(ask(authorizer, 'one', 'bob')).toBe(ask(authorizer, 'two'));
  });
});

describe('an invalid file', () => {
  test('every invalid line of a file is reported', async () => {
    const { file } = await aclFile('');
    await file.write(
      'user\ntopic\ntopic a topic with spaces\ntopic read a/#/b\ntopic read a+\npattern deny\ntopics read x\nuser ann\ntopic read fine\n',
    );
    expect(() => createAuthorizer({ path: file.path })).toThrow(
      [
        `${file.path}, line 1: user needs a name, expected "user NAME"`,
        `${file.path}, line 2: topic needs a topic, expected "topic ACCESS TOPIC"`,
        `${file.path}, line 3: "a" is not an access, expected one of read, write, readwrite, subscribe, deny (a topic that contains a space needs one of them before it)`,
        `${file.path}, line 4: the topic "a/#/b" is not valid: # is the last level of a topic filter`,
        `${file.path}, line 5: the topic "a+" is not valid: + stands alone in its level`,
        `${file.path}, line 7: "topics" is not known, expected user, topic, pattern or a comment that begins with #`,
      ].join('\n  '),
    );
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['without a path', {}, 'path: missing, expected the path of a file'],
    ['with another option', { path: 'x', paht: 'y' }, 'paht: unknown key, expected path'],
    ['that is not there', { path: '/nowhere/acl' }, 'there is no file /nowhere/acl, expected an ACL file'],
    ['that is a directory', { path: '/' }, 'cannot read /: it is a directory, expected a regular file'],
  ])('invalid options or files are refused: %s', (_, options, message) => {
    expect(() => createAuthorizer(options)).toThrow(message);
  });

  test('a file that is not UTF-8 is refused', async () => {
    const { file } = await aclFile('');
    await file.write(Buffer.from([0xff, 0xfe, 0x0a]));
    expect(() => createAuthorizer({ path: file.path })).toThrow(`cannot read ${file.path}: it is not UTF-8`);
  });

  test('a reload of an invalid or missing file leaves the rules unchanged', async () => {
    const { file, authorizer } = await aclFile('topic read a\n');
    await file.write('topic fly a\n');
    await expect(authorizer.reload?.()).rejects.toThrow(`${file.path}, line 1: "fly" is not an access`);
    await file.remove();
    await expect(authorizer.reload?.()).rejects.toThrow(`there is no file ${file.path}`);
    expect(may(ask(authorizer, 'c'), 'a')).toBe('-++');
  });
});
