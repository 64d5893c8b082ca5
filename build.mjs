#!/usr/bin/env node
// The build: TypeScript compiles the library, esbuild bundles the command, and neither runs when the sources are those
// of the last build. That check compares contents instead of modification times, so it never misses an edit. The
// command is a bundle because Node takes longer to read some 500 small modules than the broker takes for everything
// else before it listens.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

// Not `import.meta.dirname`, which older versions of Node lack: they get as far as the sentence about their version.
const ROOT = dirname(fileURLToPath(import.meta.url));
const DIST = join(ROOT, 'dist');
const COMMAND = join(DIST, 'src/cli');
/** The dashboard: what is served of it, and what that is made from. */
const PAGE = join(DIST, 'dashboard');
const PAGE_SOURCES = join(ROOT, 'src/dashboard');
const MEDIA_TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const PORTS = join(ROOT, 'src/ports');
/** Everything that decides what a build produces; the lock file stands for the installed packages. */
const INPUTS = [
  'src',
  'adapters',
  'build.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
];
/** The digest of the inputs of the last build that was completed. */
const STAMP = join(DIST, '.inputs');
/** Packages that only some configurations load, and native ones: they stay outside the bundle. */
const EXTERNAL = [
  'classic-level',
  'mongodb',
  '@mongodb-js/saslprep',
  'jose',
  '@inquirer/password',
  'write-file-atomic',
];

async function run() {
  const { build, typescript } = await loadTools();
  try {
    execFileSync(process.execPath, [typescript, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
  } catch {
    // The compiler has printed what is wrong.
    process.exit(1);
  }
  const { inputs, outputs } = await bundleCommand(build);
  const ofDashboard = await bundleDashboard(build);
  writeFileSync(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licensesOf([...inputs, ...ofDashboard]));
  removeOutputsWithoutSource(outputs);
  const main = join(COMMAND, 'main.js');
  writeFileSync(join(DIST, 'config-schema.json'), execFileSync(process.execPath, [main, 'config-schema']));
}

/** Exits with a sentence where they are not installed. */
async function loadTools() {
  const require = createRequire(import.meta.url);
  try {
    const { build } = await import('esbuild');
    return { build, typescript: require.resolve('typescript/bin/tsc') };
  } catch (error) {
    if (!/MODULE_NOT_FOUND$/.test(error.code)) throw error;
    refuse(
      'hexmq has to be built, and esbuild and typescript, which build it, are not installed: ' +
        'run npm ci without --omit=dev and npm run build first; npm ci --omit=dev can follow',
    );
  }
}

function refuse(problem) {
  console.error(`build.mjs: ${problem}`);
  process.exit(1);
}

/** @returns the files that are in the bundle, and those that it consists of. */
async function bundleCommand(build) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/cli/main.ts'],
    outdir: relative(ROOT, COMMAND),
    bundle: true,
    // Adapters become chunks of their own, loaded when the configuration names them.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    sourcesContent: false,
    minifyWhitespace: true,
    minifySyntax: true,
    metafile: true,
    external: EXTERNAL,
    plugins: [sharedPorts],
    // CommonJS packages in an ESM bundle need a `require` for Node's own modules.
    banner: {
      js: [
        "import { createRequire as __createRequire } from 'node:module';",
        'const require = __createRequire(import.meta.url);',
      ].join(' '),
    },
    logLevel: 'warning',
  });
  return {
    inputs: Object.keys(metafile.inputs),
    outputs: new Set(Object.keys(metafile.outputs).map((path) => join(ROOT, path))),
  };
}

/** The page for browsers, with names that change with the content. @returns the files that are in it. */
async function bundleDashboard(build) {
  rmSync(PAGE, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/dashboard/main.tsx'],
    outdir: relative(ROOT, PAGE),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    // The console's client is a chunk of its own.
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  writePage(Object.keys(metafile.outputs).map((path) => basename(path)));
  return Object.keys(metafile.inputs);
}

/** What is served, as a table of names; compressed here, so that nothing has to be when it is served. */
function writePage(bundled) {
  const [script, style] = ['js', 'css'].map((end) =>
    bundled.find((name) => new RegExp(`^main-.*\\.${end}$`).test(name)),
  );
  const html = readFileSync(join(PAGE_SOURCES, 'index.html'), 'utf8');
  writeFileSync(join(PAGE, 'index.html'), html.replace('{{script}}', script).replace('{{style}}', style));
  writeFileSync(join(PAGE, 'icon.svg'), readFileSync(join(PAGE_SOURCES, 'icon.svg')));
  const files = ['index.html', 'icon.svg', ...bundled].map((name) => {
    const content = readFileSync(join(PAGE, name));
    writeFileSync(join(PAGE, `${name}.gz`), gzipSync(content, { level: 9 }));
    writeFileSync(join(PAGE, `${name}.br`), brotliCompressSync(content));
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    return { name, type: MEDIA_TYPES[extname(name)], etag, isImmutable: bundled.includes(name) };
  });
  writeFileSync(join(PAGE, 'files.json'), JSON.stringify(files, null, 2));
}

/**
 * The command and adapter packages share one copy of `hexmq/ports`: `instanceof StorageError` and the tokens depend on
 * it.
 */
const sharedPorts = {
  name: 'shared-ports',
  setup({ onResolve }) {
    onResolve({ filter: /^(\.|hexmq\/ports$)/ }, ({ path, resolveDir }) => {
      const file = path === 'hexmq/ports' ? join(PORTS, 'index.js') : join(resolveDir, path);
      if (dirname(file) !== PORTS) return undefined;
      const fromCommand = relative(join(ROOT, 'src/cli'), file).split(sep).join('/');
      return { path: fromCommand, external: true, sideEffects: false };
    });
  },
};

/** What the bundle copies from packages is under their licences. */
function licensesOf(files) {
  const packages = new Set(files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  const sections = [...packages].sort().map((path) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, path)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? `License: ${license}\n` : readFileSync(join(ROOT, path, file), 'utf8');
    return `${name} ${version}\n\n${text}`;
  });
  return sections.join(`\n${'-'.repeat(80)}\n\n`);
}

/**
 * TypeScript leaves behind what it made from files that are gone, and modules of the command that are in the bundle
 * now.
 */
function removeOutputsWithoutSource(outputs) {
  for (const file of ['src', 'adapters'].flatMap((folder) => filesIn(join(DIST, folder)))) {
    const source = join(ROOT, relative(DIST, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts'));
    const isLibrary = existsSync(source) && !file.startsWith(COMMAND + sep);
    if (!isLibrary && !outputs.has(file)) rmSync(file);
  }
}

function digestOf(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(ROOT, file)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/**
 * All files of a directory and its directories, in an order that does not depend on the file system; or the file
 * itself.
 */
function filesIn(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  refuse(`Node ${process.versions.node} is too old, expected Node 20.19 or later`);
const digest = digestOf(INPUTS.flatMap((input) => filesIn(join(ROOT, input))));
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== digest) {
  // An interrupted build must not pass for a complete one.
  rmSync(STAMP, { force: true });
  await run();
  writeFileSync(STAMP, digest);
}
