// A FIFO, a device or a directory where the configuration expects a file: the command says so instead of waiting.
import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexmq, startProgram, temporaryDirectory } from './hexmq-command.js';
import { afterwards, scene } from './program.js';

const EXPECTED = 'it is a FIFO (named pipe), expected a regular file';

const tls = (path: string): object => ({ listeners: [{ type: 'tls', port: 0, tls: { cert: path, key: path } }] });
const authenticator = (adapter: string, options: object): object => ({ authentication: [{ adapter, options }] });

/** By what the file is for: the configuration that names it. */
const NAMED: Readonly<Record<string, (path: string) => object>> = {
  'the files of TLS': tls,
  'a password file': (path) => authenticator('password-file', { path }),
  'the users of SCRAM': (path) => authenticator('scram', { path }),
  'the key of JSON Web Tokens': (path) => authenticator('jwt', { algorithms: ['ES256'], publicKeyFile: path }),
  'an ACL file': (path) => ({ authorization: [{ adapter: 'acl-file', options: { path } }] }),
};

function withFifo(): { readonly fifo: string; readonly file: string; readonly write: (config: object) => void } {
  const directory = temporaryDirectory();
  const fifo = join(directory, 'fifo');
  const file = join(directory, 'hexmq.json');
  execFileSync('mkfifo', [fifo]);
  const write = (config: object): void => {
    const general = { listeners: [{ type: 'tcp', port: 0 }], storage: { adapter: 'memory' } };
    writeFileSync(file, JSON.stringify({ ...general, ...config }));
  };
  return { fifo, file, write };
}

describe('a FIFO', () => {
  test.each(Object.entries(NAMED))('as %s is an error of the configuration', (_, config) =>
    scene(async () => {
      const { fifo, file, write } = withFifo();
      write(config(fifo));
      const checked = await hexmq(['check-config', '--config', file]);
      expect(checked.status).not.toBe(0);
      expect(checked.stdout + checked.stderr).toContain(EXPECTED);
    }),
  );

  test('as the configuration, the file of a secret or a PID file is an error', () =>
    scene(async () => {
      const { fifo, file, write } = withFifo();
      write({});
      for (const [args, env] of [
        [['start', '--config', fifo], {}],
        [['check-config', '--config', fifo], {}],
        [['start', '--config', file], { HEXMQ_STORAGE_URL_FILE: fifo }],
        [['reload', '--pid-file', fifo], {}],
      ] as const) {
        const { status, stdout, stderr } = await hexmq([...args], { env });
        expect(status).not.toBe(0);
        expect(stdout + stderr).toContain(EXPECTED);
      }
    }));

  test('in place of a file that was there at the start fails the reload, and the broker goes on', () =>
    scene(async () => {
      const { fifo, file, write } = withFifo();
      const path = `${fifo}-or-file`;
      writeFileSync(path, 'topic read a\n');
      write(NAMED['an ACL file']?.(path) ?? {});
      const program = startProgram(['--config', file]);
      afterwards(() => {
        program.kill('SIGKILL');
      });
      await program.says(/ready/);
      renameSync(fifo, path);
      program.kill('SIGHUP');
      await program.logs(/"event":"reload-failed",.*it is a FIFO/);
      rmSync(path);
      writeFileSync(path, 'topic read b\n');
      program.kill('SIGHUP');
      await program.logs(/"event":"reloaded"/);
    }));
});
