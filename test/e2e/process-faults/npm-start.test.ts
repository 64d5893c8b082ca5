// `npm start`: it builds what has changed, and only that, and passes signals on to the broker.
import { expect, test } from '@jest/globals';
import { cpSync, existsSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readiness, ROOT, temporaryDirectory } from '../hexmq-command.js';
import { connect } from '../mqtt-js.js';
import { afterwards, Program, run, scene } from '../program.js';

/** A build of everything takes some seconds, and longer while other tests run. */
const BUILD_MS = 150_000;

/** A copy of what a build reads, because the other tests run what a build here would replace. */
function copyOfSources(): string {
  const copy = temporaryDirectory();
  const parts = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'build.mjs'];
  for (const part of [...parts, 'src', 'adapters'])
    cpSync(resolve(ROOT, part), resolve(copy, part), { recursive: true });
  symlinkSync(resolve(ROOT, 'node_modules'), resolve(copy, 'node_modules'));
  return copy;
}

const npmStart = (cwd: string): Program =>
  new Program('npm', ['start', '--', '--port', '0', '--storage', 'memory'], { cwd, patienceMs: BUILD_MS });

test(
  'npm start builds a fresh copy, builds nothing twice, runs an edited source, and ends the broker on SIGTERM',
  () =>
    scene(async () => {
      const copy = copyOfSources();
      const first = npmStart(copy);
      const { host, port } = await readiness(first);
      const client = await connect({ url: `mqtt://${host}:${port}` });
      await client.mqtt.subscribeAsync('plant/#');
      await client.mqtt.publishAsync('plant/7/temperature', '21.5', { qos: 1 });
      expect(await client.inbox.texts(1)).toEqual(['21.5']);
      // To npm alone: what npm started has to hear of it.
      first.kill('SIGTERM');
      await client.closed;
      expect((await first.end()).stderr).toContain('"event":"stopped"');

      const output = resolve(copy, 'dist/src/cli/main.js');
      const builtAt = statSync(output).mtimeMs;
      const second = npmStart(copy);
      await readiness(second);
      second.kill('SIGTERM');
      await second.end();
      expect(statSync(output).mtimeMs).toBe(builtAt);

      // Edited, and with a modification time from before the build, as some tools leave it.
      const source = resolve(copy, 'src/cli/start.ts');
      const text = readFileSync(source, 'utf8');
      expect(text).toContain(' ready: ');
      writeFileSync(source, text.replace(' ready: ', ' edited and ready: '));
      utimesSync(source, 0, 0);
      const third = npmStart(copy);
      await third.says(/\bhexmq \S+ edited and ready: /m);
      third.kill('SIGTERM');
      await third.end();
    }),
  3 * BUILD_MS,
);

test('a broker goes on serving when npm above it is killed, and ends at SIGTERM', () =>
  scene(async () => {
    const copy = copyOfSources();
    cpSync(resolve(ROOT, 'dist'), resolve(copy, 'dist'), { recursive: true });
    const words = ['start', '--', '--port', '0', '--storage', 'memory', '--pid-file', 'hexmq.pid'];
    const npm = new Program('npm', words, { cwd: copy, patienceMs: BUILD_MS });
    const address = await readiness(npm);
    const pid = Number(readFileSync(resolve(copy, 'hexmq.pid'), 'utf8'));
    afterwards(() => {
      if (existsSync(resolve(copy, 'hexmq.pid'))) process.kill(pid, 'SIGKILL');
    });
    npm.kill('SIGKILL');
    const client = await connect({ url: `mqtt://${address.host}:${address.port}` });
    await client.mqtt.publishAsync('plant/7', 'x', { qos: 1 });
    process.kill(pid, 'SIGTERM');
    await client.closed;
    await npm.logs(/"event":"stopped"/);
  }));

test('without the packages that build it, a built copy starts, and one that is not built says what to do', () =>
  scene(async () => {
    const copy = copyOfSources();
    rmSync(resolve(copy, 'node_modules'));
    const unbuilt = await run('npm', ['start'], { cwd: copy, patienceMs: BUILD_MS });
    expect(unbuilt.status).toBe(1);
    expect(unbuilt.stderr).toMatch(/^build\.mjs: hexmq has to be built, .+ run npm ci without --omit=dev/m);
    expect(unbuilt.stderr).not.toMatch(/\n\s+at /);

    cpSync(resolve(ROOT, 'dist'), resolve(copy, 'dist'), { recursive: true });
    const built = npmStart(copy);
    await readiness(built);
    built.kill('SIGTERM');
    await built.end();
  }));

test(
  'a source that does not compile fails the build with its file and line',
  () =>
    scene(async () => {
      const copy = copyOfSources();
      writeFileSync(resolve(copy, 'src/wrong.ts'), 'export const count: number = "one";\n');
      const build = await run('npm', ['run', 'build', '--silent'], { cwd: copy, patienceMs: BUILD_MS });
      expect(build.status).toBe(1);
      expect(build.stdout).toMatch(/^src\/wrong\.ts\(1,14\): error TS2322/m);
    }),
  BUILD_MS,
);
