// `hexmq inspect` of a store that a running broker has: the broker answers, since nothing else may open the store. The
// flags and the subjects are those of `inspect`, and so is the form of JSON: one object on each line.
import type { ProcessHost } from '../process-host.js';
import * as columns from './columns.js';
import { showList, showPairs } from './output.js';
import type { Columns, Write } from './output.js';
import { queueOf } from './things.js';
import { runningBroker } from './running-broker.js';
import type { BrokerFlags } from './running-broker.js';
import { jsonOf } from '../printable.js';

const PAYLOAD_MAX = 65_536;

export interface Inspected {
  readonly what: 'totals' | 'sessions' | 'session' | 'queue' | 'retained';
  /** The client, or a Topic Filter. */
  readonly name: string | undefined;
  readonly json: boolean;
}

export async function inspectRunning(
  { what, name = '', json }: Inspected,
  flags: BrokerFlags,
  host: ProcessHost,
): Promise<void> {
  const broker = await runningBroker(flags, host);
  const write: Write = (text) => host.write(text);
  const show = <Item>(items: AsyncIterable<Item>, table: Columns<Item>): Promise<void> =>
    json ? lines(items, write) : showList(items, table, false, write);
  switch (what) {
    case 'totals': {
      const status = await broker.call('status', {});
      return showPairs(columns.statusPairs(status), status, json, write);
    }
    case 'sessions':
      return show(broker.all('sessions', {}), columns.SESSIONS);
    case 'session': {
      const session = await broker.call('session', { clientId: name });
      await showPairs(columns.sessionPairs(session), session, json, write);
      return json
        ? undefined
        : showList(broker.all('subscriptions', { clientId: name }), columns.SUBSCRIPTIONS, false, write);
    }
    case 'queue':
      return show(broker.all('queue', { ...queueOf(name), maxPayloadBytes: json ? PAYLOAD_MAX : 32 }), columns.QUEUE);
    case 'retained':
      return show(broker.all('retained', name === '' ? {} : { topicFilter: name }), columns.RETAINED);
  }
}

async function lines<Item>(items: AsyncIterable<Item>, write: Write): Promise<void> {
  for await (const item of items) await write(`${jsonOf(item)}\n`);
}
