// The incoming side of one connection: when its packets are handed to the core, and when its channel is paused.
import { describe, expect, test } from '@jest/globals';
import { Flow } from '../../../src/application/flow.js';
import { LinkInput } from '../../../src/application/link-input.js';
import type { InputOwner } from '../../../src/application/link-input.js';
import type { ParkingReason } from '../../../src/application/parking.js';
import type { Input } from '../../../src/domain/inputs.js';
import type { ConnectionId } from '../../../src/domain/identifiers.js';
import type { Channel } from '../../../src/ports/network.js';
import { PacketType } from '../../../src/protocol/packets.js';
import { PINGREQ, bytes, connect, publish } from '../../clients/raw-packets.js';

function started() {
  const log: string[] = [];
  const channel: Channel = {
    peer: { remoteAddress: 'test:1', ipAddress: undefined },
    sentBytes: 0,
    write: () => true,
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
    close: () => undefined,
  };
  const loop = {
    isSpent: false,
    /** Steps until the slice is over. */
    sliceSteps: Infinity,
    steps: 0,
    onStep: (_input: Input): void => undefined,
    get isSliceSpent(): boolean {
      return loop.steps >= loop.sliceSteps;
    },
    get mayReadOn(): boolean {
      return !loop.isSpent;
    },
    beginSlice: (): number => {
      loop.steps = 0;
      return 0;
    },
    step: (input: Input): void => {
      loop.steps++;
      if (input.kind === 'packet')
        log.push(input.packet.type === PacketType.publish ? input.packet.topic : `type ${input.packet.type}`);
      else log.push(input.kind);
      loop.onStep(input);
    },
  };
  const queued: LinkInput[] = [];
  /** What is to be paused at the end of the turn. */
  const stopped: LinkInput[] = [];
  /** What was reported as unread. */
  const held: number[] = [];
  const owner: InputOwner = {
    loop,
    publishLimits: { maxPropertyBytes: Infinity },
    received: new Flow(),
    recordedChanges: 0,
    observesPackets: false,
    packetRead: () => undefined,
    partialPacket: (_input, _packet, size) => log.push(size === 0 ? 'no partial packet' : `${size} bytes`),
    paused: ({ unreadBytes }) => {
      held.push(unreadBytes);
    },
    resumed: () => {
      held.push(0);
    },
    queued: (input) => queued.push(input),
    stopped: (input) => stopped.push(input),
  };
  const input = new LinkInput({ id: 1 as ConnectionId, listener: 'test' }, channel, owner);
  /** The turn of each input that is queued now. */
  const turn = (): void => {
    for (const one of queued.splice(0)) one.readOn();
    for (const one of stopped.splice(0)) one.pauseIfParked();
  };
  input.received(connect({ clientId: 'a' }));
  input.established(4, 1_000_000);
  const taken = (): string[] => log.splice(0);
  taken();
  return { input, loop, queued, held, turn, taken };
}

const messages = (...topics: string[]): Uint8Array =>
  bytes(...topics.map((topic) => publish({ topic, payload: 'x', qos: 0 })));

describe('the reasons not to read', () => {
  test('a parked connection hands in nothing, and its channel is paused once something arrives', () => {
    const { input, taken } = started();
    input.park('authentication');
    expect(taken()).toEqual([]);
    input.received(messages('a'));
    input.received(messages('b'));
    expect(taken()).toEqual(['pause']);
  });

  test('what lies unread is reported while the channel is paused', () => {
    const { input, turn, held } = started();
    input.park('throttle');
    const chunk = messages('a', 'b');
    input.received(chunk);
    input.unpark('throttle');
    turn();
    expect(held).toEqual([chunk.length, 0]);
  });

  test('a channel whose work is done within the turn is not paused, and what is behind it is read at once', () => {
    const { input, loop, turn, taken } = started();
    loop.onStep = ({ kind }) => {
      if (kind === 'packet') input.park('work');
      else input.unpark('work');
    };
    input.received(messages('a', 'b'));
    input.goOn({ kind: 'continue' });
    input.goOn({ kind: 'continue' });
    turn();
    expect(taken()).toEqual(['a', 'continue', 'b', 'continue']);
  });

  test('a channel whose work is not done is paused when the turn ends, or when more arrives', () => {
    for (const more of [false, true]) {
      const { input, loop, turn, taken } = started();
      loop.onStep = () => {
        input.park('work');
      };
      input.received(messages('a', 'b'));
      expect(taken()).toEqual(['a']);
      if (more) input.received(messages('c'));
      else turn();
      expect(taken()).toEqual(['pause']);
    }
  });

  test('what is behind work that is done waits for its turn when the time is spent', () => {
    const { input, loop, turn, taken } = started();
    loop.onStep = ({ kind }) => {
      if (kind === 'packet') input.park('work');
      else input.unpark('work');
    };
    input.received(messages('a', 'b'));
    loop.isSpent = true;
    input.goOn({ kind: 'continue' });
    expect(taken()).toEqual(['a', 'continue']);
    turn();
    expect(taken()).toEqual(['b', 'pause']);
  });

  test('reading continues, and the channel is resumed, when the last of several reasons is gone', () => {
    const { input, turn, taken } = started();
    input.park('throttle');
    input.park('gate-full');
    input.received(messages('a', 'b'));
    input.unpark('throttle');
    turn();
    expect(taken()).toEqual(['pause']);
    input.unpark('gate-full');
    turn();
    expect(taken()).toEqual(['a', 'b', 'resume']);
  });

  test('a reason that comes with a packet stops the reading behind that packet', () => {
    const { input, loop, turn, taken } = started();
    loop.onStep = () => {
      input.park('admission');
      loop.onStep = () => undefined;
    };
    input.received(messages('a', 'b'));
    expect(taken()).toEqual(['a', 'pause']);
    input.unpark('admission');
    turn();
    expect(taken()).toEqual(['b', 'resume']);
  });

  test('a reason that comes and goes within a step changes nothing', () => {
    const { input, loop, queued, taken } = started();
    loop.onStep = () => {
      input.park('work');
      input.unpark('work');
    };
    input.received(messages('a', 'b'));
    expect(taken()).toEqual(['a', 'b']);
    expect(queued).toEqual([]);
  });

  test('a reason that comes while the connection waits for its turn keeps it from being read', () => {
    const { input, loop, turn, taken } = started();
    loop.isSpent = true;
    input.received(messages('a'));
    input.park('storage-pressure');
    turn();
    expect(taken()).toEqual(['pause']);
    input.unpark('storage-pressure');
    turn();
    expect(taken()).toEqual(['a', 'resume']);
  });
});

describe('the budget of a turn', () => {
  test('bytes that arrive when the budget is spent wait for the turn of the connection, and the rest stays in the socket', () => {
    const { input, loop, turn, taken } = started();
    loop.isSpent = true;
    input.received(messages('a'));
    expect(taken()).toEqual(['pause']);
    loop.isSpent = false;
    turn();
    expect(taken()).toEqual(['a', 'resume']);
  });

  test('a connection hands in as many packets as its slice allows, then gives way and keeps its order', () => {
    const { input, loop, queued, turn, taken } = started();
    loop.sliceSteps = 2;
    input.received(messages('a', 'b', 'c', 'd', 'e'));
    expect(taken()).toEqual(['a', 'b']);
    expect(queued).toEqual([input]);
    turn();
    expect(taken()).toEqual(['c', 'd']);
    turn();
    expect(taken()).toEqual(['e']);
    expect(queued).toEqual([]);
  });

  test('a connection with nothing left does not queue, however long its last packet took', () => {
    const { input, loop, queued } = started();
    loop.sliceSteps = 1;
    input.received(messages('a'));
    expect(queued).toEqual([]);
    expect(input.isIdle).toBe(true);
  });

  test('each turn reads at least one packet', () => {
    const { input, loop, turn, taken } = started();
    loop.sliceSteps = 0;
    input.received(messages('a', 'b', 'c'));
    turn();
    turn();
    expect(taken()).toEqual(['a', 'b', 'c']);
  });

  test('a connection that waits for its turn is not idle, and a parked one with nothing to read is idle', () => {
    const { input, loop } = started();
    input.park('storage-pressure');
    expect(input.isIdle).toBe(true);
    input.unpark('storage-pressure');
    loop.sliceSteps = 1;
    input.received(messages('a', 'b'));
    expect(input.isIdle).toBe(false);
  });
});

describe('the end of the network connection', () => {
  const REASONS: readonly [ParkingReason, boolean][] = [
    ['turn', true],
    ['work', true],
    ['throttle', false],
    ['storage-pressure', false],
    ['authentication', false],
  ];

  test.each(REASONS)(
    'after the end of a connection parked for %s, the bytes that arrived before are read: %s',
    (reason, isRead) => {
      const { input, loop, queued, turn, taken } = started();
      if (reason === 'turn') loop.isSpent = true;
      else input.park(reason);
      input.received(messages('a'));
      taken();
      loop.isSpent = false;
      input.whenRead(() => {
        loop.step({ kind: 'closed', connection: input.id });
      });
      if (isRead) expect(taken()).toEqual([]);
      input.unpark(reason);
      if (reason === 'turn') expect(queued).toHaveLength(2);
      turn();
      expect(taken().slice(0, 2)).toEqual(isRead ? ['a', 'closed'] : ['closed', 'a']);
    },
  );

  test('the end of a connection that was read is reported at once', () => {
    const { input, loop, taken } = started();
    input.received(messages('a'));
    input.whenRead(() => {
      loop.step({ kind: 'closed', connection: input.id });
    });
    expect(taken()).toEqual(['a', 'closed']);
  });

  test('the end is reported when the core ends a connection from which something is left', () => {
    const { input, loop, taken } = started();
    loop.isSpent = true;
    input.received(messages('a'));
    input.whenRead(() => {
      loop.step({ kind: 'closed', connection: input.id });
    });
    input.close();
    expect(taken()).toEqual(['pause', 'closed']);
  });

  test('a channel that has ended is neither paused nor resumed', () => {
    const { input, loop, turn, taken } = started();
    loop.sliceSteps = 1;
    input.received(messages('a', 'b'));
    input.whenRead(() => undefined);
    input.pauseIfParked();
    turn();
    expect(taken()).toEqual(['a', 'b']);
  });

  test('a paused channel is resumed when the core ends the connection, so that it reports its end', () => {
    const { input, taken } = started();
    input.park('throttle');
    input.received(messages('a'));
    input.close();
    expect(taken()).toEqual(['pause', 'resume']);
  });
});

describe('bytes that are not packets', () => {
  test('malformed bytes are one input, behind the packets before them', () => {
    const { input, loop, taken } = started();
    loop.onStep = ({ kind }) => {
      if (kind === 'malformed') input.close();
    };
    input.received(bytes(PINGREQ, 'f0 00', PINGREQ));
    expect(taken()).toEqual(['type 12', 'malformed']);
  });

  test('an incomplete packet is reported with the memory that it takes, and once more when it is complete', () => {
    const { input, taken } = started();
    const whole = publish({ topic: 'a', payload: new Uint8Array(100), qos: 0 });
    input.received(whole.subarray(0, 10));
    input.received(whole.subarray(10, 30));
    input.received(whole.subarray(30));
    expect(taken()).toEqual(['361 bytes', '361 bytes', 'a', 'no partial packet']);
  });
});
