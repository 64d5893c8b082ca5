// An answer with a promise that is there already: it costs no timer, no signal and no pause of the connection.
import { expect, test } from '@jest/globals';
import { Interceptors } from '../../../src/application/interceptors.js';
import type { Link } from '../../../src/application/link.js';
import type { Settings } from '../../../src/domain/settings.js';
import { DEFAULT_LIMITS } from '../../../src/domain/limits.js';
import type { ConnectionId, TopicName } from '../../../src/domain/identifiers.js';
import type { ClientView, PublishRequest } from '../../../src/domain/interception/verdict.js';
import type { Input } from '../../../src/domain/inputs.js';
import type { Interceptor } from '../../../src/ports/index.js';
import { VirtualClock } from '../../../src/testkit/virtual-clock.js';
import * as v5 from '../../clients/mqtt5-packets.js';
import { withBroker } from '../../support/broker-harness.js';
import { connect5, watcher5 } from '../../support/mqtt5-clients.js';
import { PASS } from './answers.js';

const CONNECTION = 1 as ConnectionId;
const MESSAGE: PublishRequest = {
  topic: 't' as TopicName,
  payload: new Uint8Array(1),
  qos: 0,
  retain: false,
  properties: undefined,
  isWill: false,
};

function scene(publish: NonNullable<Interceptor['publish']>) {
  const clock = new VirtualClock();
  const turns: (() => void)[] = [];
  const steps: Input[] = [];
  const interceptors = new Interceptors({
    interceptors: [{ name: 'test', timeoutMs: 100, publish }],
    clock,
    settings: { current: DEFAULT_LIMITS } as Settings,
    atEndOfTurn: (callback) => turns.push(callback),
    loop: {
      submit: (run) => {
        run();
      },
      step: (input) => steps.push(input),
    },
    links: new Map<ConnectionId, Link>(),
    emit: () => undefined,
  });
  const ask = (): unknown => interceptors.ask(CONNECTION, 'publish', MESSAGE, {} as ClientView);
  const turn = (): void => {
    for (const callback of turns.splice(0)) callback();
  };
  return { clock, interceptors, steps, ask, turn };
}

test('an answer that comes before the turn ends needs no timer and no signal', async () => {
  const { clock, steps, ask, turn } = scene(() => Promise.resolve(PASS));
  const Real = globalThis.AbortController;
  let made = 0;
  globalThis.AbortController = class extends Real {
    constructor() {
      super();
      made++;
    }
  };
  try {
    expect(ask()).toBeUndefined();
    await Promise.resolve();
    turn();
    expect(steps).toEqual([{ kind: 'intercepted', connection: CONNECTION, stage: 'publish', verdict: PASS }]);
    expect({ made, timers: clock.pending }).toEqual({ made: 0, timers: 0 });
  } finally {
    globalThis.AbortController = Real;
  }
});

test('a cancelled request aborts its signal, counts as no failure, and leaves no timer', () => {
  let signal: AbortSignal | undefined;
  const { clock, interceptors, steps, ask, turn } = scene((_message, _client, context) => {
    ({ signal } = context);
    return new Promise(() => undefined);
  });
  ask();
  turn();
  expect(clock.pending).toBe(1);
  interceptors.cancel(CONNECTION);
  turn();
  expect({ aborted: signal?.aborted, steps, timers: clock.pending }).toEqual({ aborted: true, steps: [], timers: 0 });
});

test('a chunk of messages passes within one turn, in its order', () =>
  withBroker(
    async (broker) => {
      const watcher = await watcher5(broker, 'watcher', ['#', 0]);
      const publisher = await connect5(broker, 'p');
      const payloads = Array.from({ length: 20 }, (_, i) => `${i}`);
      publisher.send(...payloads.map((payload) => v5.publish({ topic: 't', payload })));
      await broker.settled();
      for (const payload of payloads) await watcher.next('publish', { payload });
    },
    { interceptors: [{ name: 'test', publish: () => Promise.resolve(PASS) }] },
  ));
