// The queue of a session: what was sent and is not acknowledged, and what waits.
import type { ItemOf } from '../api.js';
import { bytes, dateTime, fromBase64 } from '../format.js';
import { useList } from '../live/load.js';
import { Badge, Card, Code, ListTable, Name, Payload } from '../view/parts.js';
import type { Column } from '../view/parts.js';

type Queued = ItemOf<'queue'>;

const PAYLOAD_BYTES = 256;

const STATES: Readonly<Record<Queued['state'], string>> = {
  sent: 'sent',
  released: 'released',
  resend: 'sent before',
  waiting: 'waiting',
};

const IN_FLIGHT: ReadonlySet<Queued['state']> = new Set(['sent', 'released']);

const COLUMNS: readonly Column<Queued>[] = [
  {
    head: 'State',
    cell: ({ state }) => <Badge tone={IN_FLIGHT.has(state) ? 'good' : 'plain'}>{STATES[state]}</Badge>,
  },
  {
    head: 'Topic',
    cell: ({ topic }) => (topic === undefined ? <span class="muted">not kept</span> : <Code text={topic} />),
  },
  { head: 'QoS', cell: ({ qos }) => qos, isNumber: true },
  { head: 'Packet Identifier', cell: ({ packetId }) => packetId, isNumber: true },
  {
    head: 'Publisher',
    cell: ({ publisher }) => (publisher === undefined ? '–' : <Name text={publisher} />),
  },
  { head: 'Accepted', cell: ({ acceptedAt }) => (acceptedAt === undefined ? '–' : dateTime(acceptedAt)) },
  {
    head: 'Payload',
    cell: ({ payload, payloadBytes }) =>
      payload === undefined || payloadBytes === undefined ? (
        <span class="muted">{payloadBytes === undefined ? 'not kept' : bytes(payloadBytes)}</span>
      ) : (
        <Payload content={fromBase64(payload)} size={payloadBytes} />
      ),
  },
];

export function QueueCard({ clientId, isStored }: { readonly clientId: string; readonly isStored: boolean }) {
  const list = useList('queue', { clientId, maxPayloadBytes: PAYLOAD_BYTES }, 25);
  return (
    <Card
      title="Queue"
      kind="wide"
      aside={
        <button type="button" class="quiet" onClick={list.reload}>
          Refresh
        </button>
      }
    >
      {!isStored && <p class="muted">The queue of a session that is not stored is in memory: no payloads are shown.</p>}
      <ListTable
        list={list}
        caption="Messages in flight to the client and waiting"
        columns={COLUMNS}
        keyOf={({ seq }) => seq}
        empty="No message waits for the client."
      />
    </Card>
  );
}
