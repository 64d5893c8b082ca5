// Clients that are sent to another server, and Response Information: what CONNACK and the DISCONNECT of a stop say.
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_LIMITS } from '../../../../src/domain/limits.js';
import type { Limits } from '../../../../src/domain/limits.js';
import { CoreHarness } from '../../../support/core-harness.js';
import type { ConnectOptions } from '../../../support/core-harness.js';

/** The answer to a CONNECT. */
function answerTo(limits: Partial<Limits>, clientId: string, options: ConnectOptions): string | undefined {
  const core = new CoreHarness(limits);
  const peer = core.open();
  peer.connect(clientId, options);
  peer.allow();
  return core.heard(peer)[0];
}

describe('a server reference', () => {
  const elsewhere = { serverReference: 'other.example:1883' };

  test.each([
    ['use-another-server', 0x9c],
    ['server-moved', 0x9d],
  ] as const)('refuses new clients with %s, and earlier versions as not available', (serverRedirect, code) => {
    const limits = { ...elsewhere, serverRedirect };
    expect(answerTo(limits, 'a', { version: 5 })).toMatch(
      new RegExp(`^connack ${code} .*serverReference=other.example:1883`),
    );
    expect(answerTo(limits, 'a', { version: 4 })).toBe('connack 3');
    expect(answerTo(limits, 'a', { version: 3 })).toBe('connack 3');
    expect(answerTo({ serverRedirect }, 'a', { version: 5 })).toMatch(/^connack 0/);
  });

  test.each([
    [elsewhere, 'disconnect 0x9c serverReference=other.example:1883'],
    [{ ...elsewhere, serverRedirect: 'server-moved' }, 'disconnect 0x9d serverReference=other.example:1883'],
    [{}, 'disconnect 0x8b'],
  ] as const)('goes with the DISCONNECT of a stop (%j)', (limits, expected) => {
    const core = new CoreHarness();
    const peer = core.connect('a', { version: 5 });
    core.settings.replace({ limits: { ...DEFAULT_LIMITS, ...limits }, perListener: new Map() });
    core.lines();
    core.shutdown();
    expect(core.heard(peer)[0]).toBe(expected);
  });
});

describe('Response Information', () => {
  const properties = { requestResponseInformation: 1 } as const;
  const information = (limits: Partial<Limits>, clientId: string, options: ConnectOptions): string | undefined =>
    /responseInformation=(\S+)/.exec(answerTo(limits, clientId, { version: 5, ...options }) ?? '')?.[1];

  test('[MQTT5-3.1.2-28] is given to a client that requests it, and to no other', () => {
    const limits = { responseTopic: 'responses/%c' };
    expect(information(limits, 'a', { properties })).toBe('responses/a');
    expect(information(limits, 'a', { properties: { requestResponseInformation: 0 } })).toBeUndefined();
    expect(information(limits, 'a', {})).toBeUndefined();
    expect(information({}, 'a', { properties })).toBeUndefined();
  });

  test('has the names of the client, and an assigned Client Identifier', () => {
    const limits = { responseTopic: '%u/%c' };
    expect(information(limits, '%u', { properties, userName: '%c' })).toBe('%c/%u');
    expect(information(limits, '', { properties, userName: 'u' })).toBe('u/assigned-1');
  });

  test.each(['', 'a/b', '+', '#', '$SYS', 'x'.repeat(128)])(
    'is not given where the user name %j could lead out of the place for it',
    (userName) => {
      expect(information({ responseTopic: 'r/%u' }, 'a', { properties, userName })).toBeUndefined();
    },
  );
});
