// `hexmq acl explain`: its output and its exit status.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { run } from '../../../src/cli/command.js';
import { temporaryFile } from '../../support/temporary-file.js';
import type { TemporaryFile } from '../../support/temporary-file.js';
import { FakeHost } from './fake-host.js';

let acl: TemporaryFile;
let config: string;

beforeAll(async () => {
  acl = await temporaryFile(
    'acl',
    'user ann\ntopic write devices/#\ntopic read plant/#\ntopic deny plant/secret/#\npattern read users/%u/#\n',
  );
  config = join(dirname(acl.path), 'hexmq.yaml');
  await writeFile(config, `authorization:\n  - { adapter: acl-file, options: { path: ${acl.path} } }\n`);
});
afterAll(() => acl.remove());

async function explain(...args: string[]): Promise<{ status: number; output: string; errors: string }> {
  const host = new FakeHost({ HEXMQ_CONFIG: config });
  const status = await run(['acl', 'explain', ...args], host);
  return { status, output: host.output, errors: host.errors };
}

describe('acl explain', () => {
  test('hexmq acl explain prints the rule that allows, and why the rules before it do not decide', async () => {
    expect(await explain('--user', 'ann', '--client', 'c', '--action', 'receive', '--topic', 'plant/1')).toEqual({
      status: 0,
      output: [
        'allowed: client c of user ann may receive plant/1',
        '  decided by acl line 3 (allow receive plant/#)',
        '  rules before it that do not decide:',
        '    acl line 4 (deny publish, subscribe, receive plant/secret/#): it does not match',
        '    acl line 2 (allow publish devices/#): it is about publish',
        '',
      ].join('\n'),
      errors: '',
    });
  });

  test('hexmq acl explain exits with status 3 when access is denied, by a rule or because no rule applies', async () => {
    expect(await explain('-u', 'ann', '-i', 'c', '-a', 'receive', '-t', 'plant/secret/1')).toEqual({
      status: 3,
      output:
        'denied: client c of user ann may not receive plant/secret/1\n  decided by acl line 4 (deny publish, subscribe, receive plant/secret/#)\n',
      errors: '',
    });
    const { status, output } = await explain('-i', 'c', '-a', 'publish', '-t', 'x');
    expect({ status, output }).toEqual({
      status: 3,
      output: 'denied: client c without a user name may not publish to x\n  no rule allows it\n',
    });
  });

  test('hexmq acl explain prints what delivery filters out of a subscription that is allowed', async () => {
    const { status, output } = await explain('-u', 'ann', '-i', 'c', '-a', 'subscribe', '-t', '$share/g/#');
    expect(status).toBe(0);
    expect(output).toContain(
      [
        '  for its messages, the first of these that matches decides:',
        '    plant/secret/#: filtered out (acl line 4)',
        '    plant/#: delivered (acl line 3)',
        '    users/ann/#: delivered (acl line 5)',
        '    everything else: filtered out (no rule covers it)',
        '',
      ].join('\n'),
    );
  });

  test('hexmq acl explain prints what the authorization guide shows for the file of the guide', async () => {
    const page = await readFile(resolve(import.meta.dirname, '../../../docs/authorization.md'), 'utf8');
    const [, file = ''] = /^```conf\n([^]*?)^```$/m.exec(page) ?? [];
    const [, args = '', output = ''] =
      /^\$ hexmq acl explain --config hexmq\.yaml (.*)\n([^]*?)^```$/m.exec(page) ?? [];
    const guide = await temporaryFile('acl', file);
    await writeFile(
      join(dirname(guide.path), 'hexmq.yaml'),
      `authorization: [{ adapter: acl-file, options: { path: ${guide.path} } }]`,
    );
    expect(
      await explain('--config', join(dirname(guide.path), 'hexmq.yaml'), ...args.replaceAll("'", '').split(' ')),
    ).toEqual({ status: 0, output, errors: '' });
    const [rules = ''] = /^authorization:\n {2}- adapter: rules\n[^]*?(?=^```$)/m.exec(page) ?? [];
    await writeFile(join(dirname(guide.path), 'hexmq.yaml'), rules);
    const host = new FakeHost({ HEXMQ_CONFIG: join(dirname(guide.path), 'hexmq.yaml') });
    expect(await run(['check-config'], host)).toBe(0);
    await guide.remove();
  });

  test('hexmq acl explain prints a JSON object with --json', async () => {
    const { status, output } = await explain('-u', 'ann', '-i', 'c', '-a', 'subscribe', '-t', 'plant/#', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(output)).toMatchObject({
      decision: 'allowed',
      userName: 'ann',
      clientId: 'c',
      action: 'subscribe',
      topic: 'plant/#',
      rule: { source: 'acl line 3', topicFilter: 'plant/#' },
      skippedRules: [
        { rule: { source: 'acl line 4' }, reason: 'denies part of it, which delivery filters out' },
        { rule: { source: 'acl line 2' } },
      ],
      delivery: [
        { effect: 'deny', topicFilter: 'plant/secret/#' },
        { effect: 'allow', topicFilter: 'plant/#' },
      ],
    });
  });

  test('hexmq acl explain prints that everything is allowed if no authorization is configured', async () => {
    const host = new FakeHost();
    expect(await run(['acl', 'explain', '-i', 'c', '-a', 'publish', '-t', 'x'], host)).toBe(0);
    expect(host.output).toBe(
      'allowed: client c without a user name may publish to x\n  no authorization is configured: an authenticated client may do everything, or what its credentials permit\n',
    );
    expect(await run(['acl', 'explain', '-i', 'c', '-a', 'publish', '-t', '$SYS/x'], host)).toBe(3);
  });

  test('hexmq acl explain escapes control characters that a client chose', async () => {
    const { output } = await explain('-i', 'c\u001b[2J', '-a', 'publish', '-t', 'x');
    expect(output).toContain('client c\\u{1b}[2J without');
  });

  test.each([
    [['-i', 'c', '-a', 'read', '-t', 'x'], /Allowed choices are publish, subscribe, receive/],
    [['-a', 'publish', '-t', 'x'], /--client <id>' not specified/],
    [
      ['-i', 'c', '-a', 'publish', '-t', 'a/#'],
      /^hexmq: --topic: "a\/#" is no Topic Name: a Topic Name has no wildcards\n$/,
    ],
    [['-i', 'c', '-a', 'subscribe', '-t', 'a/#/b'], /^hexmq: --topic: "a\/#\/b" is no Topic Filter/],
    [['-i', 'c', '-a', 'publish', '-t', 'x', '-c', '/nowhere.yaml'], /cannot read the configuration file/],
  ])('hexmq acl explain refuses the arguments %j', async (args, message) => {
    const { status, errors } = await explain(...args);
    expect(status).toBe(1);
    expect(errors).toMatch(message);
  });
});
