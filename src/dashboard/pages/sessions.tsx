// Sessions, those of clients that are away included.
import type { ItemOf } from '../api.js';
import { ago, bytes, interval, whole } from '../format.js';
import { linkTo } from '../route.js';
import { Badge, Name } from '../view/parts.js';
import type { Column } from '../view/parts.js';
import { SearchPage } from './search.js';

const COLUMNS: readonly Column<ItemOf<'sessions'>>[] = [
  {
    head: 'Client Identifier',
    cell: ({ clientId }) => (
      <a href={linkTo('session', clientId)}>
        <Name text={clientId} />
      </a>
    ),
  },
  {
    head: 'Client',
    cell: ({ isConnected, disconnectedAt }) =>
      isConnected ? (
        <Badge tone="good">connected</Badge>
      ) : (
        <>
          <Badge>away</Badge> {disconnectedAt !== undefined && <span class="muted">{ago(disconnectedAt)}</span>}
        </>
      ),
  },
  { head: 'Expires after', cell: ({ sessionExpiryInterval: after }) => (after === 0 ? 'at once' : interval(after)) },
  { head: 'Subscriptions', cell: ({ subscriptions }) => whole(subscriptions), isNumber: true },
  { head: 'In flight', cell: (one) => whole(one.outboundInFlight + one.inboundInFlight), isNumber: true },
  { head: 'Waiting', cell: ({ queued }) => whole(queued), isNumber: true },
  { head: 'Bytes', cell: ({ queuedBytes }) => bytes(queuedBytes), isNumber: true },
];

export function Sessions() {
  return (
    <SearchPage
      operation="sessions"
      searchId="session-search"
      title="Sessions"
      lead="What the broker keeps for each client, connected or away."
      caption="Sessions"
      columns={COLUMNS}
      keyOf={({ clientId }) => clientId}
      empty="There is no session."
      notFound="No session begins with this."
    />
  );
}
