// Adapters of another author, as packages in a folder, of which one call does not settle while the process has other
// things to do. Each says on standard error when that call begins.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../hexmq-command.js';

/** What hangs, as a sentence says it. */
export const HANGING = {
  'the package of an adapter is being loaded': 'await hang();',
  'an adapter looks at what a start needs': withStorage('problems: hang'),
  'an authenticator starts': withAuthenticator('start: hang'),
  'an authorizer starts': `export const createAuthorizer = () => ({ name: 'hanging', authorize, start: hang });`,
  'storage opens': withStorage('open: hang'),
  'storage is read': withStorage('load: () => ({ [Symbol.asyncIterator]: () => ({ next: hang }) })'),
  'an authenticator stops': withAuthenticator('stop: hang'),
  'storage closes': withStorage('close: hang'),
} as const;

export type Hanging = keyof typeof HANGING;

function withAuthenticator(method: string): string {
  return `export const createAuthenticator = () => ({ name: 'hanging', authenticate, ${method} });`;
}

function withStorage(method: string): string {
  return `
    const traits = { durable: false, fencing: false, preferredBatchChanges: 1 };
    const done = async () => undefined;
    export const createStorage = () => ({ traits, open: done, openReadOnly: done, load: async function* () {},
      commit: done, readQueue: async () => [], readRetained: async () => undefined, close: done, ${method} });`;
}

const CONFIGURATION = {
  Storage: { storage: { adapter: 'hanging' } },
  Authenticator: { storage: { adapter: 'memory' }, authentication: [{ adapter: 'hanging' }] },
  Authorizer: { storage: { adapter: 'memory' }, authorization: [{ adapter: 'hanging' }] },
} as const;

/** A folder with the package and a configuration that names it, `hexmq.yaml`. */
export function folderWith(hanging: Hanging): string {
  const folder = temporaryDirectory();
  const place = join(folder, 'node_modules/hanging');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'package.json'), '{ "name": "hanging", "type": "module", "exports": "./index.js" }');
  const code = HANGING[hanging];
  writeFileSync(
    join(place, 'index.js'),
    `const hang = () => {
      process.stderr.write('hanging\\n');
      setInterval(() => undefined, 1000);
      return new Promise(() => undefined);
    };
    const authenticate = () => ({ decision: 'allow', identity: {} });
    const authorize = () => ({ rules: [] });
    ${code}`,
  );
  const [, what = 'Storage'] = /create(\w+) =/.exec(code) ?? [];
  const config = { listeners: [{ type: 'tcp', port: 0 }], ...CONFIGURATION[what as keyof typeof CONFIGURATION] };
  writeFileSync(join(folder, 'hexmq.yaml'), JSON.stringify(config));
  return folder;
}
