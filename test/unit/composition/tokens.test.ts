// Type tests of the injection tokens. The compiler runs them: each `@ts-expect-error` line has to be refused by `npm
// run check:types`.
import { describe, expect, test } from '@jest/globals';
import { Container } from 'inversify';
import { Clock, Listener, Storage } from 'hexmq/ports';
import { all, byName, Components } from '../../../src/composition/injection.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import { LiveSettings } from '../../../src/application/settings.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';

interface Timed {
  readonly clock: Clock;
}

describe('an injection token', () => {
  const clock = new VirtualClock();

  test('an injection token accepts an implementation of its port, and no other value', () => {
    const container = new Container();
    container.bind(Clock).toConstantValue(clock);
    // @ts-expect-error a clock is no storage
    container.bind(Storage).toConstantValue(clock);
    // @ts-expect-error a factory of clocks makes no storage
    container.bind(Storage).toResolvedValue(() => clock);
    // @ts-expect-error settings are no listener
    container.bind(Listener).toConstantValue(new LiveSettings({ limits: DEFAULT_LIMITS, perListener: new Map() }));
    expect(container.get(Clock)).toBe(clock);
  });

  test('a value resolved by an injection token has the type of its port', () => {
    const container = new Container();
    container.bind(Clock).toConstantValue(clock);
    const resolved: Clock = container.get(Clock);
    // @ts-expect-error a clock is no storage
    const storage: Storage = container.get(Clock);
    expect(resolved).toBe(storage);
  });

  test('an injection token can only be injected under a name whose type the factory expects', () => {
    const container = new Container();
    container.bind(Clock).toConstantValue(clock);
    const create = ({ clock: injected }: Timed): Timed => ({ clock: injected });
    container.bind('timed').toResolvedValue(...byName(create, { clock: Clock }));
    // @ts-expect-error the clock is missing
    byName(create, {});
    // @ts-expect-error nothing is expected under this name
    byName(create, { clock: Clock, components: Components });
    // @ts-expect-error one clock is expected, not a list
    byName(create, { clock: all(Clock) });
    // @ts-expect-error settings are no clock
    byName(create, { clock: LiveSettings });
    expect(container.get('timed')).toEqual({ clock });
  });
});
