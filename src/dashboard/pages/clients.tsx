// Who is connected.
import { ago } from '../format.js';
import { linkTo } from '../route.js';
import { Badge, Code, Name } from '../view/parts.js';
import type { Column } from '../view/parts.js';
import type { ItemOf } from '../api.js';
import { SearchPage } from './search.js';

type Client = ItemOf<'clients'>;

const VERSIONS: Readonly<Record<number, string>> = { 3: '3.1', 4: '3.1.1', 5: '5' };
export const versionOf = (version: number): string => VERSIONS[version] ?? String(version);

const COLUMNS: readonly Column<Client>[] = [
  {
    head: 'Client Identifier',
    cell: ({ clientId }) =>
      clientId === undefined ? (
        <span class="muted">not known yet</span>
      ) : (
        <a href={linkTo('session', clientId)}>
          <Name text={clientId} />
        </a>
      ),
  },
  {
    head: 'State',
    cell: ({ state, isCongested }) => (
      <>
        <Badge tone={state === 'connected' ? 'good' : 'plain'}>{state}</Badge>{' '}
        {isCongested && <Badge tone="warn">reads slowly</Badge>}
      </>
    ),
  },
  { head: 'Since', cell: ({ stateSince }) => ago(stateSince) },
  { head: 'Address', cell: ({ remoteAddress }) => <Code text={remoteAddress} /> },
  { head: 'Listener', cell: ({ listener }) => <Name text={listener} /> },
  { head: 'MQTT', cell: ({ protocolVersion }) => versionOf(protocolVersion) },
  { head: 'Keep Alive', cell: ({ keepAlive }) => (keepAlive === 0 ? 'off' : `${keepAlive} s`), isNumber: true },
];

export function Clients() {
  return (
    <SearchPage
      operation="clients"
      searchId="client-search"
      title="Clients"
      lead="Network connections, in the order of their opening."
      caption="Connected clients"
      columns={COLUMNS}
      keyOf={({ connection }) => connection}
      empty="No client is connected."
      notFound="No connected client begins with this."
    />
  );
}
