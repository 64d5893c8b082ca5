#!/usr/bin/env node
// Where no container engine can run: carries out the steps of docs/deploy/Dockerfile in scratch roots, starts the
// result as an engine would, and applies its health check. Needs Linux, root, and the right to mount.
//   node test/support/run-dockerfile.mjs
// It does not test the base images, for which the machine's own files stand in (with its version of Node), nor an
// engine. Each stage is an overlay over the machine's root, in memory and in a mount namespace that ends with this
// program; a stage sees only the files of the build context that Dockerfile.dockerignore allows.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const DOCKERFILE = join(ROOT, 'docs/deploy/Dockerfile');
const IGNORE = `${DOCKERFILE}.dockerignore`;
const WAIT_MS = 60_000;
const say = (text) => console.log(text);

if (process.env.IN_NAMESPACE === undefined) {
  // Mounts that only this program sees, and that end with it.
  const { status } = spawnSync('unshare', ['--mount', process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, IN_NAMESPACE: '1' },
  });
  process.exit(status ?? 1);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `status ${status}`}`);
}

/** The instructions, with continued lines joined. */
const instructions = readFileSync(DOCKERFILE, 'utf8')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line);
    return { name, rest };
  });

const allowed = readFileSync(IGNORE, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));
const isInContext = (path) => allowed.some((one) => path === one || path.startsWith(`${one}/`));

class Stage {
  workdir = '/';
  environment = {};
  user;
  healthcheck;
  entrypoint = [];
  command = [];
  stopSignal = 'SIGTERM';

  constructor(work, name) {
    this.root = join(work, name, 'root');
    const [upper, scratch] = [join(work, name, 'upper'), join(work, name, 'scratch')];
    for (const path of [this.root, upper, scratch]) mkdirSync(path, { recursive: true });
    run('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=/,upperdir=${upper},workdir=${scratch}`, this.root]);
    run('mount', ['--rbind', '/dev', join(this.root, 'dev')]);
    run('mount', ['-t', 'tmpfs', 'tmpfs', join(this.root, 'tmp')]);
    // What the base image has not.
    for (const path of ['opt', 'build', 'etc/hexmq', 'var/lib/hexmq'])
      rmSync(join(this.root, path), { recursive: true, force: true });
  }

  path(name) {
    return join(this.root, resolve(this.workdir, name));
  }

  /** The arguments of `unshare` for a command in this root, as process 1 of its own. */
  inside(command) {
    const user = this.user === undefined ? [] : ['--reuid', this.user[0], '--regid', this.user[1], '--clear-groups'];
    const variables = Object.entries(this.environment).map(([name, value]) => `${name}=${value}`);
    const inherited = this.user === undefined ? [] : ['-i', `PATH=${process.env.PATH}`];
    const enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
    const start = ['sh', '-c', 'cd "$0" && exec "$@"', this.workdir, 'setpriv', ...user, '--', ...command];
    return [
      ...['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', enter, this.root],
      ...['env', ...inherited, ...variables, ...start],
    ];
  }

  copy(rest, stages) {
    const from = /^--from=(\w+) /.exec(rest)?.[1];
    const names = rest.replace(/^--from=\w+ /, '').split(/\s+/);
    const target = names.pop();
    for (const name of names) {
      if (from === undefined && !isInContext(name))
        throw new Error(`COPY ${name}: Dockerfile.dockerignore excludes it`);
      const source = from === undefined ? join(ROOT, name) : stages.get(from).path(name);
      // A directory is copied as its contents.
      const isInto = target.endsWith('/') && !statSync(source).isDirectory();
      cpSync(source, isInto ? join(this.path(target), basename(name)) : this.path(target), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
  }
}

const list = (text) => JSON.parse(text);

function carryOut(work) {
  const stages = new Map();
  let stage;
  const steps = {
    FROM: (rest) => {
      const name = / AS (\w+)$/.exec(rest)?.[1] ?? 'final';
      stages.set(name, (stage = new Stage(work, name)));
    },
    WORKDIR: (rest) => mkdirSync(join(stage.root, (stage.workdir = rest)), { recursive: true }),
    COPY: (rest) => stage.copy(rest, stages),
    RUN: (rest) => run('unshare', stage.inside(['sh', '-e', '-c', rest])),
    ENV: (rest) => Object.assign(stage.environment, Object.fromEntries(rest.split(' ').map((one) => one.split('=')))),
    USER: (rest) => (stage.user = rest.split(':')),
    VOLUME: (rest) => {
      if (!existsSync(join(stage.root, rest))) throw new Error(`VOLUME ${rest} is no directory of the image`);
    },
    EXPOSE: () => undefined,
    STOPSIGNAL: (rest) => (stage.stopSignal = rest),
    HEALTHCHECK: (rest) => (stage.healthcheck = list(/ CMD (\[.*\])$/.exec(rest)[1])),
    ENTRYPOINT: (rest) => (stage.entrypoint = list(rest)),
    CMD: (rest) => (stage.command = list(rest)),
  };
  for (const { name, rest } of instructions) {
    say(`${name} ${rest}`);
    steps[name](rest);
  }
  return stage;
}

/** The result, started; its port is chosen by the system, because it has the machine's network. */
async function start(stage) {
  const child = spawn('unshare', stage.inside([...stage.entrypoint, ...stage.command, '--port', '0']), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it is not ready in time')), WAIT_MS);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (!/ready/.test(output)) return;
      clearTimeout(timer);
      resolve();
    });
    child.on('exit', (status) => reject(new Error(`it ended with ${status} before it was ready`)));
  });
  say(`started: ${output.trim()}`);
  return child;
}

function isHealthy(stage) {
  const { status } = spawnSync('unshare', stage.inside(stage.healthcheck), { stdio: 'ignore' });
  return status === 0;
}

/** Sends a signal to process 1 of the result, and waits for its end. */
async function end(child, signal) {
  const ended = new Promise((resolve) => child.on('exit', (status) => resolve(status)));
  // The child of `unshare`.
  const pid = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  process.kill(Number(pid), signal);
  return ended;
}

function check(isTrue, what) {
  say(`${isTrue ? 'yes' : 'NO'}: ${what}`);
  if (!isTrue) process.exitCode = 1;
}

const work = mkdtempSync(join(tmpdir(), 'hexmq-image-'));
try {
  run('mount', ['--make-rprivate', '/']);
  run('mount', ['-t', 'tmpfs', 'tmpfs', work]);
  const stage = carryOut(work);
  check(!isHealthy(stage), 'the health check fails before the start');
  const refused = spawnSync('unshare', stage.inside([...stage.entrypoint, ...stage.command]), { encoding: 'utf8' });
  check(/authentication/.test(refused.stderr), 'without authentication it does not start, and says so');
  stage.environment.HEXMQ_AUTHENTICATION = 'anonymous';
  const first = await start(stage);
  check(isHealthy(stage), 'the health check succeeds while it runs');
  await end(first, 'SIGKILL');
  check(!isHealthy(stage), 'the health check fails after a kill');
  const second = await start(stage);
  check(isHealthy(stage), 'it starts again from the same volume after a kill');
  check((await end(second, stage.stopSignal)) === 0, `${stage.stopSignal} ends it with status 0`);
  stage.environment.HEXMQ_STORAGE = 'memory';
  const third = await start(stage);
  check(isHealthy(stage), 'the health check succeeds with storage in memory');
  check((await end(third, stage.stopSignal)) === 0, `${stage.stopSignal} ends it with status 0`);
  const { size } = {
    size: spawnSync('du', ['-sm', stage.path('/opt/hexmq')], { encoding: 'utf8' }).stdout.split('\t')[0],
  };
  say(`/opt/hexmq has ${size} MiB; not tested: the base images and a container engine`);
} finally {
  run('umount', ['--recursive', '--lazy', work]);
  rmSync(work, { recursive: true, force: true });
}
