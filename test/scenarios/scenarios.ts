// The scenarios, by the names of their files.
import { will } from '../support/core-harness.js';
import type { Scenario } from './transcript.js';

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'qos-1-publish': ({ connect, step }) => {
    const a = connect('a', { clean: false });
    step('a subscribes to t at QoS 1', () => {
      a.subscribe(['t', 1]);
    });
    const b = connect('b');
    step('b publishes t=x at QoS 1 with Packet Identifier 7', () => b.publish('t', 'x', 1, { packetId: 7 }));
    step('a sends PUBACK 1', () => {
      a.puback(1);
    });
  },

  'qos-2-publish': ({ connect, step }) => {
    const a = connect('a', { clean: false });
    step('a subscribes to t at QoS 2', () => {
      a.subscribe(['t', 2]);
    });
    const b = connect('b', { clean: false });
    step('b publishes t=x at QoS 2 with Packet Identifier 7', () => b.publish('t', 'x', 2, { packetId: 7 }));
    step('b repeats it with DUP', () => b.publish('t', 'x', 2, { packetId: 7, dup: true }));
    step('b sends PUBREL 7', () => {
      b.pubrel(7);
    });
    step('a sends PUBREC 1', () => {
      a.pubrec(1);
    });
    step('a sends PUBCOMP 1', () => {
      a.pubcomp(1);
    });
  },

  'connack-waits-for-storage': ({ core, connect, step }) => {
    core.admitsAtOnce = false;
    const a = connect('a', { clean: false });
    const b = connect('b');
    step('b pings, and does not wait for what a waits for', () => {
      b.ping();
    });
    step('what the CONNACK of a promises is durable', () => {
      a.durable();
    });
  },

  takeover: ({ connect, step }) => {
    const a = connect('a', { clean: false, will: will('gone', 'a', { qos: 1 }) });
    step('a subscribes to t at QoS 1', () => {
      a.subscribe(['t', 1]);
    });
    connect('a', { clean: false });
    const b = connect('b');
    step('b publishes t=x at QoS 1 with Packet Identifier 7', () => b.publish('t', 'x', 1, { packetId: 7 }));
  },

  'reconnect-with-backlog': ({ connect, step }) => {
    const a = connect('a', { clean: false });
    step('a subscribes to t at QoS 1', () => {
      a.subscribe(['t', 1]);
    });
    step('a disconnects', () => {
      a.disconnect();
    });
    const b = connect('b');
    step('b publishes t=1 at QoS 1 with Packet Identifier 7', () => b.publish('t', '1', 1, { packetId: 7 }));
    step('b publishes t=2 at QoS 1 with Packet Identifier 8', () => b.publish('t', '2', 1, { packetId: 8 }));
    const again = connect('a', { clean: false });
    step('a sends PUBACK 1', () => {
      again.puback(1);
    });
    step('a sends PUBACK 2', () => {
      again.puback(2);
    });
  },

  'repeat-after-lost-connection': ({ connect, step }) => {
    const a = connect('a', { clean: false });
    step('a subscribes to t at QoS 1', () => {
      a.subscribe(['t', 1]);
    });
    const b = connect('b');
    step('b publishes t=x at QoS 1 with Packet Identifier 7', () => b.publish('t', 'x', 1, { packetId: 7 }));
    step("a's connection is lost before its PUBACK", () => {
      a.lose();
    });
    const again = connect('a', { clean: false });
    step('a sends PUBACK 1', () => {
      again.puback(1);
    });
  },

  'will-after-lost-connection': ({ connect, step }) => {
    const a = connect('a', { will: will('gone', 'a', { qos: 1, retain: true }) });
    const b = connect('b', { clean: false });
    step('b subscribes to gone at QoS 1', () => {
      b.subscribe(['gone', 1]);
    });
    step("a's connection is lost", () => {
      a.lose();
    });
  },

  'will-after-crash': (stage) => {
    const watcher = stage.connect('b', { clean: false });
    stage.step('b subscribes to gone at QoS 1', () => {
      watcher.subscribe(['gone', 1]);
    });
    stage.connect('a', { will: will('gone', 'a', { qos: 1 }) });
    stage.restart();
    stage.connect('b', { clean: false });
    stage.step('30 seconds pass and a has not come back', () => {
      stage.core.advance(30_000);
    });
  },

  'retained-on-subscribe': ({ connect, step }) => {
    const b = connect('b');
    step('b publishes t=x at QoS 1 with RETAIN and Packet Identifier 7', () =>
      b.publish('t', 'x', 1, { packetId: 7, retain: true }),
    );
    const a = connect('a');
    step('a subscribes to t at QoS 1', () => {
      a.subscribe(['t', 1]);
    });
    step('b publishes an empty payload to t with RETAIN', () => b.publish('t', '', 1, { packetId: 8, retain: true }));
  },

  'operator-deletes-session': ({ core, connect, step }) => {
    const a = connect('a', { clean: false, will: will('gone', 'a', { qos: 1 }) });
    step('a subscribes to t at QoS 1', () => {
      a.subscribe(['t', 1]);
    });
    const b = connect('b');
    step('b publishes t=x at QoS 1 with Packet Identifier 7', () => b.publish('t', 'x', 1, { packetId: 7 }));
    step('the operator alice deletes the session of a', () =>
      core.command({ kind: 'delete-session', clientId: 'a' }, 'alice'),
    );
    step('b publishes t=y at QoS 1 with Packet Identifier 8', () => b.publish('t', 'y', 1, { packetId: 8 }));
    connect('a', { clean: false });
  },

  'shared-group-hand-over': ({ connect, step }) => {
    const a = connect('a', { clean: false });
    step('a subscribes to $share/g/t at QoS 1', () => {
      a.subscribe(['$share/g/t', 1]);
    });
    const b = connect('b', { clean: false });
    step('b subscribes to $share/g/t at QoS 1', () => {
      b.subscribe(['$share/g/t', 1]);
    });
    const c = connect('c');
    step('c publishes t=1 at QoS 1 with Packet Identifier 7', () => c.publish('t', '1', 1, { packetId: 7 }));
    step('c publishes t=2 at QoS 1 with Packet Identifier 8', () => c.publish('t', '2', 1, { packetId: 8 }));
    step("a's connection is lost before its PUBACK", () => {
      a.lose();
    });
    step('b sends PUBACK 1', () => {
      b.puback(1);
    });
    step('b sends PUBACK 2', () => {
      b.puback(2);
    });
  },
};
