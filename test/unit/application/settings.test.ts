// Settings that a reload replaces are seen by every part that holds them.
import { describe, expect, test } from '@jest/globals';
import { LiveSettings } from '../../../src/application/settings.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';

const limits = { ...DEFAULT_LIMITS, maxInflight: 5 };
const perListener = new Map([['own', { maxConnections: 7 }]]);

describe('settings', () => {
  test('a listener without limits of its own has those of the broker', () => {
    const settings = new LiveSettings({ limits, perListener });
    expect(settings.current).toBe(limits);
    expect(settings.forListener('other')).toBe(limits);
  });

  test("a listener's own limits replace those of the broker, and the rest are the broker's", () => {
    const settings = new LiveSettings({ limits, perListener });
    expect(settings.forListener('own')).toEqual({ ...limits, maxConnections: 7 });
  });

  test('the limits of a listener are one object until they are replaced', () => {
    const settings = new LiveSettings({ limits, perListener });
    expect(settings.forListener('own')).toBe(settings.forListener('own'));
  });

  test('replaced settings take effect for the broker and for every listener', () => {
    const settings = new LiveSettings({ limits, perListener });
    settings.forListener('own');
    settings.replace({ limits: DEFAULT_LIMITS, perListener: new Map([['own', { maxConnections: 8 }]]) });
    expect(settings.current).toBe(DEFAULT_LIMITS);
    expect(settings.forListener('own')).toEqual({ ...DEFAULT_LIMITS, maxConnections: 8 });
  });
});
