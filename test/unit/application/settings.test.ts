// Settings that a reload replaces are seen by every part that holds them.
import { describe, expect, test } from '@jest/globals';
import { LiveSettings } from '../../../src/application/settings.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';

const limits = { ...DEFAULT_LIMITS, maxInflight: 5 };
const perListener = new Map([['own', { maxConnections: 7 }]]);

describe('settings', () => {
  test('a listener without limits of its own has those of the broker', () => {
    const settings = new LiveSettings({ limits, perListener });
    expect(settings.current).toEqual(limits);
    expect(settings.forListener('other')).toEqual(limits);
  });

  test("a listener's own limits replace those of the broker, and the rest are the broker's", () => {
    const settings = new LiveSettings({ limits, perListener });
    expect(settings.forListener('own')).toEqual({ ...limits, maxConnections: 7 });
  });

  test('replaced settings take effect for the broker and for every listener, also in objects that a part has kept', () => {
    const settings = new LiveSettings({ limits, perListener });
    const kept = { current: settings.current, own: settings.forListener('own'), other: settings.forListener('other') };
    settings.replace({
      limits: DEFAULT_LIMITS,
      perListener: new Map([['other', { maxConnections: 8, maxPublishRate: 9 }]]),
    });
    expect(kept).toEqual({
      current: DEFAULT_LIMITS,
      own: DEFAULT_LIMITS,
      other: { ...DEFAULT_LIMITS, maxConnections: 8, maxPublishRate: 9 },
    });
    expect([settings.current, settings.forListener('own'), settings.forListener('other')]).toEqual([
      kept.current,
      kept.own,
      kept.other,
    ]);
  });

  test('the caller of a reload may change its own object afterwards without an effect', () => {
    const own = { ...DEFAULT_LIMITS };
    const settings = new LiveSettings({ limits: own, perListener: new Map() });
    own.maxInflight = 1;
    expect(settings.current.maxInflight).toBe(DEFAULT_LIMITS.maxInflight);
  });

  test.each(['maxPublishRate', 'maxPublishByteRate', 'maxTotalPublishRate', 'maxTotalPublishByteRate'])(
    'settings say that publish rates are limited if %s is set, by the broker or by a listener',
    (key) => {
      const settings = new LiveSettings({ limits: DEFAULT_LIMITS, perListener: new Map() });
      expect(settings.hasPublishRates).toBe(false);
      settings.replace({ limits: { ...DEFAULT_LIMITS, [key]: 1 }, perListener: new Map() });
      expect(settings.hasPublishRates).toBe(true);
      settings.replace({ limits: DEFAULT_LIMITS, perListener: new Map([['own', { [key]: 1 }]]) });
      expect(settings.hasPublishRates).toBe(true);
      settings.replace({ limits: DEFAULT_LIMITS, perListener: new Map() });
      expect(settings.hasPublishRates).toBe(false);
    },
  );
});
