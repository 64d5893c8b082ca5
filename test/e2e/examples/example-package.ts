// A package of docs/examples, installed and compiled in a directory of its own as its author would do it: with the
// published entries of hexmq, the packages that it depends on, and its own configuration of TypeScript.
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, temporaryDirectory } from '../hexmq-command.js';
import { run } from '../program.js';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

export class ExamplePackage {
  private constructor(
    /** Where a broker that uses the package is started. */
    readonly cwd: string,
    readonly folder: string,
  ) {}

  /** Within a scene. @throws Error with what the compiler says. */
  static async install(name: string): Promise<ExamplePackage> {
    const cwd = temporaryDirectory();
    const folder = join(cwd, 'node_modules', name);
    const source = join(ROOT, 'docs/examples', name);
    cpSync(source, folder, { recursive: true, filter: (path) => !/[/\\](node_modules|dist)$/.test(path) });
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
    const { dependencies, devDependencies, peerDependencies } = manifest;
    for (const needed of Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })) {
      const link = join(cwd, 'node_modules', needed);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(needed === 'hexmq' ? ROOT : join(ROOT, 'node_modules', needed), link);
    }
    const { status, stdout } = await run(process.execPath, [COMPILER, '-p', folder], { patienceMs: 120_000 });
    if (status !== 0) throw new Error(`${name} does not compile:\n${stdout}`);
    return new ExamplePackage(cwd, folder);
  }

  /** Runs its own tests, of which only so many may be skipped. @throws Error with their report. */
  async passesItsTests(env: Readonly<Record<string, string>>, skipped = 0): Promise<void> {
    const tests = readdirSync(join(this.folder, 'dist/test')).filter((name) => name.endsWith('.test.js'));
    const args = [
      '--test',
      '--test-concurrency=1',
      '--test-reporter=spec',
      ...tests.map((name) => join('dist/test', name)),
    ];
    const { status, stdout } = await run(process.execPath, args, { cwd: this.folder, env, patienceMs: 380_000 });
    if (status !== 0 || !stdout.includes(`\nℹ skipped ${skipped}\n`))
      throw new Error(`the tests of the package failed:\n${stdout}`);
  }
}
