// The files to install and run the broker with: the package, the example configurations, the systemd unit, and the
// steps of the Dockerfile.
import { afterAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { mongoServer } from '../support/mongodb-server.js';
import { CertificateAuthority } from './certificates.js';
import { hexmq, ROOT, startProgram, temporaryDirectory } from './hexmq-command.js';
import { afterwards, Program, run, scene } from './program.js';
import { describeIf, describeWith, describeWithServer } from './tools.js';

const DEPLOY = resolve(ROOT, 'docs/deploy');
const EXAMPLES = readdirSync(join(DEPLOY, 'examples')).filter((name) => name.endsWith('.yaml'));
const server = await mongoServer();
afterAll(() => server?.stop());

test('the package has the command, the guides and the licence, and nothing of the tests or of the build', () =>
  scene(async () => {
    const directory = temporaryDirectory();
    const packed = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], { cwd: ROOT });
    expect(packed.status).toBe(0);
    const tarball = join(directory, packed.stdout.trim());
    const { stdout } = await run('tar', ['-tzf', tarball]);
    const files = stdout
      .trim()
      .split('\n')
      .map((name) => name.replace('package/', ''));
    for (const file of [
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'dist/src/cli/main.js',
      'dist/THIRD-PARTY-LICENSES.txt',
      'dist/config-schema.json',
      'docs/install.md',
      'docs/deploy/hexmq.service',
    ])
      expect(files).toContain(file);
    // Examples and templates are packages with tests of their own.
    const own = files.filter((name) => !/^(docs\/examples|templates\/plugin)\/[^/]+\/test\//.test(name));
    expect(own.filter((name) => /^(src|adapters|test|data)\/|(^|\/)\.|\.map$|\.test\./.test(name))).toEqual([]);

    expect((await run('tar', ['-xzf', tarball, '-C', directory])).status).toBe(0);
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    const main = join(directory, 'package/dist/src/cli/main.js');
    const version = await run(process.execPath, [main, '--version']);
    expect(version).toMatchObject({ status: 0, stdout: `${packageVersion()}\n` });
    const program = new Program(process.execPath, [main, 'start', '--port', '0'], { cwd: directory });
    await program.says(/ready/);
    program.kill('SIGTERM');
    expect((await program.end()).status).toBe(0);
  }));

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
}

/** The example with its files in a new directory, and on free ports. */
async function example(name: string): Promise<{ path: string; directory: string }> {
  const directory = temporaryDirectory();
  const authority = new CertificateAuthority();
  afterwards(() => {
    authority.remove();
  });
  const { cert, key } = authority.issue('localhost');
  copyFileSync(cert, join(directory, 'server.crt'));
  copyFileSync(key, join(directory, 'server.key'));
  writeFileSync(join(directory, 'acl'), 'topic readwrite plant/#\n');
  mkdirSync(join(directory, 'data'));
  const passwd = new Program(process.execPath, [
    join(ROOT, 'dist/src/cli/main.js'),
    'passwd',
    join(directory, 'passwd'),
    'alice',
    '--stdin',
  ]);
  passwd.closeInput('secret');
  expect((await passwd.end()).status).toBe(0);
  expect((await hexmq(['token', 'ops', '--role', 'read', '--file', join(directory, 'tokens')])).status).toBe(0);
  const path = join(directory, 'hexmq.yaml');
  const text = readFileSync(join(DEPLOY, 'examples', name), 'utf8');
  writeFileSync(
    path,
    text.replaceAll(/\/(etc|var\/lib|var\/log)\/hexmq/g, directory).replaceAll(/port: \d+/g, 'port: 0'),
  );
  return { path, directory };
}

async function starts(name: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const { path, directory } = await example(name);
  const check = await hexmq(['check-config', '--config', path], { cwd: directory, env });
  expect(check).toMatchObject({ status: 0 });
  const program = startProgram(['--config', path], { cwd: directory, env });
  await program.says(/ready/);
  program.kill('SIGTERM');
  expect((await program.end()).status).toBe(0);
}

describeWith('openssl', 'the example configurations', () => {
  const withoutServer = EXAMPLES.filter((name) => !/mongodb|compose/.test(name));
  test.each(withoutServer)('the example %s is valid and starts', (name) =>
    scene(() => starts(name, name === 'low-memory.yaml' ? { NODE_OPTIONS: '--max-old-space-size=96' } : {})),
  );

  describeWithServer(server, 'with MongoDB', ({ uri, newDatabase }) => {
    test.each(['mongodb.yaml', 'compose.yaml'])('the example %s is valid and starts', (name) =>
      scene(() =>
        starts(name, {
          HEXMQ_STORAGE_URL: uri,
          HEXMQ_STORAGE_DATABASE: newDatabase(),
        }),
      ),
    );
  });
});

describeWith('systemd_analyze', 'the systemd unit', () => {
  test('systemd accepts the unit, and judges its exposure to be below 2', () =>
    scene(async () => {
      const directory = temporaryDirectory();
      const unit = join(directory, 'hexmq.service');
      // The command is not where the unit expects it.
      const text = readFileSync(join(DEPLOY, 'hexmq.service'), 'utf8').replace('/usr/bin/node', process.execPath);
      writeFileSync(unit, text.replace('Documentation=', '#'));
      mkdirSync(join(directory, 'hexmq.service.d'));
      copyFileSync(join(DEPLOY, 'credentials.conf'), join(directory, 'hexmq.service.d/credentials.conf'));
      const verified = await run('systemd-analyze', ['verify', '--recursive-errors=no', unit]);
      expect(verified).toMatchObject({ status: 0, stderr: '' });
      const judged = await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', '--no-pager', unit]);
      expect(judged).toMatchObject({ status: 0, stdout: expect.stringContaining('Overall exposure level') });
    }));
});

/** The parts of Kubernetes' and Compose's formats that the files use, as far as they are read here. */
interface Container {
  readonly env: readonly { readonly name: string }[];
  readonly startupProbe: { readonly exec: { readonly command: readonly string[] } };
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string }[];
}

describe('the manifests', () => {
  const documents = parseAllDocuments(readFileSync(join(DEPLOY, 'kubernetes/hexmq.yaml'), 'utf8')).map(
    (document) => document.toJS() as Record<string, never>,
  );

  test('the manifests of Kubernetes fit together, and keep the restricted pod security standard', () => {
    expect(documents.map(({ kind }) => kind)).toEqual(['Namespace', 'ConfigMap', 'Service', 'StatefulSet']);
    const { template, volumeClaimTemplates } = documents[3]?.['spec'] as unknown as {
      template: { spec: { containers: [Container]; volumes: { name: string }[]; securityContext: object } };
      volumeClaimTemplates: { metadata: { name: string } }[];
    };
    const { securityContext, containers, volumes } = template.spec;
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(containers[0].securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
    const volumeNames = [
      ...volumes.map(({ name }) => name),
      ...volumeClaimTemplates.map(({ metadata }) => metadata.name),
    ];
    expect(containers[0].volumeMounts.map(({ name }) => name).sort()).toEqual(volumeNames.sort());
    expect(containers[0].startupProbe.exec.command).toEqual(['hexmq', 'status']);
  });

  test('the configuration in the manifests of Kubernetes is valid', () =>
    scene(async () => {
      const { data } = documents[1] as unknown as { data: { 'hexmq.yaml': string } };
      const directory = temporaryDirectory();
      writeFileSync(join(directory, 'passwd'), '');
      chmodSync(join(directory, 'passwd'), 0o600);
      const path = join(directory, 'hexmq.yaml');
      writeFileSync(path, data['hexmq.yaml'].replaceAll(/\/etc\/hexmq-secret|\/var\/lib\/hexmq/g, directory));
      expect(await hexmq(['check-config', '--config', path], { cwd: directory })).toMatchObject({ status: 0 });
    }));

  test('the compose file mounts files that exist', () => {
    const [compose] = parseAllDocuments(readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8'));
    const { services } = compose?.toJS() as { services: { hexmq: { volumes: string[] } } };
    const [mounted = ''] = services.hexmq.volumes[0]?.split(':') ?? [];
    expect(EXAMPLES).toContain(mounted.replace('./examples/', ''));
  });
});

/** Mounts need root and a right that containers often lack; the packages come from the network. */
const canMount =
  process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

describeIf(canMount, 'Linux, root and the right to mount', 'the Dockerfile', () => {
  test(
    'the steps of the Dockerfile make a broker that starts, is healthy, survives a kill and stops',
    () =>
      scene(async () => {
        const { status, stdout } = await run(process.execPath, [join(ROOT, 'test/support/run-dockerfile.mjs')], {
          patienceMs: 540_000,
        });
        expect({ status, failed: stdout.match(/^NO: .*$/gm) }).toEqual({ status: 0, failed: null });
      }),
    600_000,
  );
});
