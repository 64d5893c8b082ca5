// Whose queue is long. The broker answers with the longest of each part that it looks at, so the page sorts what has
// come so far.
import type { ItemOf } from '../api.js';
import { bytes, whole } from '../format.js';
import { useList } from '../live/load.js';
import { linkTo } from '../route.js';
import { Badge, ListTable, Name, Page } from '../view/parts.js';
import type { Column } from '../view/parts.js';

type Queue = ItemOf<'queues'>;

const COLUMNS: readonly Column<Queue>[] = [
  {
    head: 'Of',
    cell: ({ clientId, sharedGroup }) =>
      clientId === undefined ? (
        <Name text={sharedGroup ?? ''} />
      ) : (
        <a href={linkTo('session', clientId)}>
          <Name text={clientId} />
        </a>
      ),
  },
  {
    head: 'Client',
    cell: ({ isConnected }) => (isConnected ? <Badge tone="good">connected</Badge> : <Badge>away</Badge>),
  },
  { head: 'In flight', cell: ({ inFlight }) => whole(inFlight), isNumber: true },
  { head: 'Waiting', cell: ({ queued }) => whole(queued), isNumber: true },
  { head: 'Bytes', cell: ({ queuedBytes }) => bytes(queuedBytes), isNumber: true },
];

export function Queues() {
  const list = useList('queues', {}, 20);
  const items = [...list.items].sort((one, other) => other.queued - one.queued || other.queuedBytes - one.queuedBytes);
  return (
    <Page
      title="Queues"
      lead="The longest queues of clients and shared groups."
      actions={
        <button type="button" onClick={list.reload}>
          Refresh
        </button>
      }
    >
      <div class="card">
        <ListTable
          list={{ ...list, items }}
          caption="Queues, the longest first"
          columns={COLUMNS}
          keyOf={({ clientId, sharedGroup }) => `${clientId ?? ''} ${sharedGroup ?? ''}`}
          empty="There is no queue."
        />
      </div>
    </Page>
  );
}
