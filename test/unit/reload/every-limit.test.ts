// Every limit of the configuration is read by a running broker when a reload replaces it, and the page of the
// configuration says when that takes effect. Every other key needs a restart, and a reload that finds it changed says
// so. A limit without a proof does not compile.
import { describe, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { keysAt, LIMIT_KEYS } from '../../../src/composition/config-schema.js';
import { keysThatNeedRestart } from '../../../src/composition/config.js';
import { limitSettings } from '../../../src/composition/config-defaults.js';
import { resolveConfig } from '../../../src/composition/resolve-config.js';
import { DEFAULT_LIMITS, LISTENER_LIMIT_KEYS } from '../../../src/domain/limits.js';
import type { Limits } from '../../../src/domain/limits.js';
import type { Authenticator } from '../../../src/ports/auth.js';
import { CoreHarness } from '../../support/core-harness.js';
import { EngineHarness } from '../../support/engine-harness.js';
import { CLIENT_PROOFS } from './client-proofs.js';
import { EFFECTS } from './effects.js';
import type { CoreProof, Proof, ShellProof } from './effects.js';
import { MESSAGE_PROOFS } from './message-proofs.js';
import { SHELL_PROOFS } from './shell-proofs.js';

const CORE_PROOFS = { ...MESSAGE_PROOFS, ...CLIENT_PROOFS };
const PROOFS: Readonly<Record<keyof Limits, Proof<never>>> = { ...CORE_PROOFS, ...SHELL_PROOFS };

const SLOW: Authenticator = {
  name: 'slow',
  authenticate: ({ userName }) =>
    userName === 'slow' ? new Promise(() => undefined) : { decision: 'allow', permissions: { kind: 'allow-all' } },
};

const settingsWith = (limits: Partial<Limits>) => ({
  limits: { ...DEFAULT_LIMITS, ...limits },
  perListener: new Map<string, never>(),
});

describe('a reload of a limit takes effect at the running broker', () => {
  test.each(Object.entries<CoreProof>(CORE_PROOFS))(
    'a reload of %s takes effect in the core',
    (_key, { before, after, observe, expected }) => {
      const core = new CoreHarness(before);
      const first = observe(core);
      core.settings.replace(settingsWith(after));
      expect([first, observe(core)]).toEqual(expected);
    },
  );

  test.each(Object.entries<ShellProof>(SHELL_PROOFS).filter(([key]) => key !== 'shutdownGraceMs'))(
    'a reload of %s takes effect in the shell',
    async (_key, { before, after, observe, expected }) => {
      const harness = new EngineHarness({ limits: before, authenticators: [SLOW] });
      const first = await observe(harness);
      harness.limit(settingsWith(after));
      expect([first, await observe(harness)]).toEqual(expected);
    },
  );

  test('a reload of shutdownGraceMs takes effect for a broker that stops afterwards', async () => {
    const { before, after, observe, expected } = SHELL_PROOFS.shutdownGraceMs;
    const first = await observe(new EngineHarness({ limits: before }));
    const harness = new EngineHarness({ limits: before });
    harness.limit(settingsWith(after));
    expect([first, await observe(harness)]).toEqual(expected);
  });

  test.each(LISTENER_LIMIT_KEYS)('a reload of %s of a listener is read by all who read the limits', (key) => {
    const { before, after } = PROOFS[key];
    const core = new CoreHarness();
    const ofListener = core.settings.forListener('own');
    for (const own of [before, after]) {
      core.settings.replace({ limits: DEFAULT_LIMITS, perListener: new Map([['own', own]]) });
      expect(ofListener[key]).toBe(own[key]);
      expect(core.settings.current[key]).toBe(DEFAULT_LIMITS[key]);
    }
  });
});

describe('rules for what is derived from a limit', () => {
  test('a client that is connected follows a new maxInflight with its next window', () => {
    const core = new CoreHarness({ maxInflight: 2 });
    const a = core.connect('a');
    a.subscribe(['t', 1]);
    core.lines();
    for (let i = 0; i < 20; i++) core.connect('publisher').publish('t', 'x');
    expect(core.heard(a)).toHaveLength(2);
    core.settings.replace(settingsWith({ maxInflight: 4 }));
    a.puback(1, 2);
    expect(core.heard(a)).toHaveLength(4);
    core.settings.replace(settingsWith({ maxInflight: 1 }));
    a.puback(3, 4, 5, 6, 7, 8);
    core.lines();
    a.puback(9);
    expect(core.heard(a)).toHaveLength(1);
  });

  test('a timer that runs keeps its time when its limit changes', () => {
    const core = new CoreHarness({ connectTimeoutMs: 1000 });
    core.open();
    core.settings.replace(settingsWith({ connectTimeoutMs: 100 }));
    core.advance(500);
    expect(core.lines()).toEqual([]);
    core.advance(500);
    expect(core.lines()).toEqual(['1 close connect-timeout']);
  });

  test('what is over a smaller maxWaitingBytes is freed with the next message that waits', () => {
    const core = new CoreHarness({ maxInflight: 1 });
    core.connect('a').subscribe(['t', 1]);
    const publisher = core.connect('publisher');
    for (let i = 0; i < 50; i++) publisher.publish('t', new Uint8Array(1000));
    core.settings.replace(settingsWith({ maxInflight: 1, maxWaitingBytes: 20_000 }));
    expect(core.broker.heldBytes).toBeGreaterThan(20_000);
    publisher.publish('t', new Uint8Array(1000));
    core.finish();
    expect(core.broker.heldBytes).toBeLessThanOrEqual(20_000);
  });
});

describe('a key that is no limit', () => {
  const base = {
    listeners: [{ type: 'tcp', port: 1884, limits: { maxConnections: 5 } }],
    storage: { adapter: 'memory' },
  } as const;
  const CHANGED: Readonly<Record<string, object>> = {
    listeners: { listeners: [{ ...base.listeners[0], port: 1885 }] },
    storage: { storage: { adapter: 'memory', ackLevel: 'received' } },
    authentication: { authentication: [{ adapter: 'password-file', options: { path: 'other' } }] },
    failedAttempts: { failedAttempts: { allowed: 7 } },
    authorization: { authorization: [{ adapter: 'acl-file', options: { path: 'other' } }] },
    logging: { logging: { level: 'debug' } },
    sys: { sys: { intervalS: 5 } },
    plugins: { plugins: [{ package: './other' }] },
    admin: { admin: { socket: 'off' } },
  };

  test('every section of the configuration is the limits, or needs a restart', () => {
    expect([...Object.keys(CHANGED), 'limits'].sort()).toEqual([...keysAt([])].sort());
  });

  test.each(Object.entries(CHANGED))(
    'a reload that finds %s changed reports that it needs a restart',
    (key, changed) => {
      expect(keysThatNeedRestart(resolveConfig(base), resolveConfig({ ...base, ...changed }))).toEqual([key]);
    },
  );

  test('a reload that finds limits changed, those of listeners included, reports no restart and takes them over', () => {
    const changed = resolveConfig({
      ...base,
      listeners: [{ ...base.listeners[0], limits: { maxConnections: 6 } }],
      limits: { maxInflight: 7 },
    });
    expect(keysThatNeedRestart(resolveConfig(base), changed)).toEqual([]);
    const { limits, perListener } = limitSettings(changed);
    expect([limits.maxInflight, [...perListener.values()]]).toEqual([7, [{ maxConnections: 6 }]]);
  });
});

const PATH = resolve(import.meta.dirname, '../../../docs/configuration.md');
const HEAD = '| a reload takes effect | limits |\n|---|---|\n';

function table(): string {
  const rows = Object.entries(EFFECTS).map(([effect, sentence]) => {
    const keys = LIMIT_KEYS.filter((key) => PROOFS[key].effect === effect);
    return `| ${sentence} | ${keys.map((key) => `\`${key}\``).join(', ')} |\n`;
  });
  return HEAD + rows.join('');
}

test('the configuration page says of every limit when a reload of it takes effect', () => {
  const page = readFileSync(PATH, 'utf8');
  const generated = page.replace(/\| a reload takes effect \|.*\n\|---\|---\|\n(?:\|.*\n)*/, () => table());
  if (process.env['HEXMQ_WRITE_DOCS'] === '1') writeFileSync(PATH, generated);
  expect(page.includes(HEAD)).toBe(true);
  expect(readFileSync(PATH, 'utf8')).toBe(generated);
});
