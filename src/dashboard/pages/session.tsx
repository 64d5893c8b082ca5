// One session: what the broker keeps for the client, what is under way in both directions, and what happens now.
import type { AnswerOf, ItemOf } from '../api.js';
import { ago, bytes, dateTime, duration, interval, whole } from '../format.js';
import { useList, useLoaded } from '../live/load.js';
import type { Loaded } from '../live/load.js';
import { call } from '../api.js';
import { go } from '../route.js';
import { act, Action } from '../view/actions.js';
import { Badge, Card, Code, Empty, Facts, Failure, ListTable, Loading, Name, Page } from '../view/parts.js';
import type { Column } from '../view/parts.js';
import { versionOf } from './clients.js';
import { QueueCard } from './session-queue.js';
import { Timeline } from './timeline.js';
import type { PageProps } from './page-props.js';

type SessionInFull = AnswerOf<'session'>;

const EVERY_MS = 5000;

export function Session({ caller, subject: clientId = '' }: PageProps) {
  const loaded = useLoaded(() => call('session', { clientId }), clientId, EVERY_MS);
  const { data: session, error } = loaded;
  const title = clientId === '' ? 'Session' : clientId;
  if (session === undefined || error?.kind === 'not-found')
    return (
      <Page title={title}>
        {error === undefined ? <Loading /> : <Failure error={error} retry={loaded.reload} />}
        <Timeline clientId={clientId} />
      </Page>
    );
  return (
    <Page title={title} lead={<Lead session={session} />} actions={<Actions {...{ caller, session, loaded }} />}>
      {error !== undefined && <Failure error={error} retry={loaded.reload} />}
      <div class="grid">
        <About session={session} />
        <Will session={session} />
        <Subscriptions clientId={clientId} />
        <QueueCard clientId={clientId} isStored={session.isStored} />
        <Inbound clientId={clientId} count={session.inboundInFlight} />
        <Timeline clientId={clientId} />
      </div>
    </Page>
  );
}

const Lead = ({ session: { isConnected, isStored, disconnectedAt } }: { readonly session: SessionInFull }) => (
  <>
    {isConnected ? <Badge tone="good">connected</Badge> : <Badge>away</Badge>}{' '}
    {isStored ? <Badge>stored session</Badge> : <Badge>session of this connection only</Badge>}{' '}
    {disconnectedAt !== undefined && `since ${ago(disconnectedAt)}`}
  </>
);

function Actions({
  caller,
  session,
  loaded,
}: Pick<PageProps, 'caller'> & {
  readonly session: SessionInFull;
  readonly loaded: Loaded<SessionInFull>;
}) {
  const { clientId } = session;
  const disconnect = async (): Promise<void> => {
    const question = {
      title: `Disconnect ${clientId}?`,
      text: 'Its will is published. A stored session stays, and the client may connect again.',
      action: 'Disconnect',
      isDanger: true,
    };
    if (await act(question, 'disconnect', { clientId }, () => `${clientId} is disconnected.`)) loaded.reload();
  };
  const purge = async (): Promise<void> => {
    const question = {
      title: `Purge the queue of ${clientId}?`,
      text: `${whole(session.queued)} messages wait for this client. They are dropped, and cannot be brought back.`,
      action: 'Drop the messages',
      isDanger: true,
    };
    const done = ({ dropped }: AnswerOf<'purge-queue'>): string => `${whole(dropped)} messages were dropped.`;
    if (await act(question, 'purge-queue', { clientId }, done)) loaded.reload();
  };
  const remove = async (): Promise<void> => {
    const question = {
      title: `Delete the session of ${clientId}?`,
      text: 'Its connection ends, and its subscriptions and its queue are gone. They cannot be brought back.',
      action: 'Delete the session',
      isDanger: true,
    };
    if (await act(question, 'delete-session', { clientId }, () => `The session of ${clientId} is deleted.`))
      go('sessions');
  };
  return (
    <>
      {session.isConnected && <Action caller={caller} label="Disconnect" onClick={() => void disconnect()} />}
      <Action caller={caller} label="Purge queue" onClick={() => void purge()} />
      <Action caller={caller} label="Delete session" isDanger onClick={() => void remove()} />
    </>
  );
}

function About({ session }: { readonly session: SessionInFull }) {
  const { connection } = session;
  return (
    <Card title="About">
      <Facts
        of={[
          [
            'Expires after',
            session.sessionExpiryInterval === 0 ? 'its connection' : interval(session.sessionExpiryInterval),
          ],
          ['Subscriptions', whole(session.subscriptions)],
          ['In flight to the client', whole(session.outboundInFlight)],
          ['In flight from the client', whole(session.inboundInFlight)],
          ['Waiting', `${whole(session.queued)} (${bytes(session.queuedBytes)} with those in flight)`],
          ['Disconnected', session.disconnectedAt === undefined ? undefined : dateTime(session.disconnectedAt)],
          ...(connection === undefined
            ? []
            : ([
                ['Connected', `${dateTime(connection.stateSince)}, ${ago(connection.stateSince)}`],
                ['Address', <Code text={connection.remoteAddress} />],
                ['Listener', <Name text={connection.listener} />],
                ['MQTT', versionOf(connection.protocolVersion)],
                ['Keep Alive', connection.keepAlive === 0 ? 'off' : duration(connection.keepAlive)],
                ['Reads', connection.isCongested ? <Badge tone="warn">slowly</Badge> : 'as fast as the broker writes'],
              ] as const)),
        ]}
      />
    </Card>
  );
}

const Will = ({ session: { will } }: { readonly session: SessionInFull }) => (
  <Card title="Will">
    {will === undefined ? (
      <Empty>The client has left no will.</Empty>
    ) : (
      <Facts
        of={[
          ['Topic', <Code text={will.topic} />],
          ['QoS', will.qos],
          ['Retained', will.retain ? 'yes' : 'no'],
          ['Payload', bytes(will.payloadBytes)],
          ['Delay', duration(will.willDelayInterval)],
          ['Published at', will.dueAt === undefined ? undefined : dateTime(will.dueAt)],
        ]}
      />
    )}
  </Card>
);

const SUBSCRIPTION_COLUMNS: readonly Column<ItemOf<'subscriptions'>>[] = [
  { head: 'Topic Filter', cell: ({ topicFilter }) => <Code text={topicFilter} /> },
  { head: 'QoS', cell: ({ qos }) => qos, isNumber: true },
  {
    head: 'Options',
    cell: ({ noLocal, retainAsPublished, subscriptionIdentifier }) =>
      [
        ...(noLocal ? ['no local'] : []),
        ...(retainAsPublished ? ['retain as published'] : []),
        ...(subscriptionIdentifier === undefined ? [] : [`identifier ${subscriptionIdentifier}`]),
      ].join(', ') || '–',
  },
];

function Subscriptions({ clientId }: { readonly clientId: string }) {
  const list = useList('subscriptions', { clientId });
  return (
    <Card title="Subscriptions" kind="wide">
      <ListTable
        list={list}
        caption="Subscriptions"
        columns={SUBSCRIPTION_COLUMNS}
        keyOf={({ topicFilter }) => topicFilter}
        empty="The client has no subscription."
      />
    </Card>
  );
}

const INBOUND_COLUMNS: readonly Column<number>[] = [{ head: 'Packet Identifier', cell: (packetId) => packetId }];

function Inbound({ clientId, count }: { readonly clientId: string; readonly count: number }) {
  const list = useList('inbound', { clientId });
  if (count === 0 && list.items.length === 0) return null;
  return (
    <Card title="In flight from the client" kind="wide">
      <p class="muted">Messages at QoS 2 that the broker has, and that wait for PUBREL of the client.</p>
      <ListTable
        list={list}
        caption="Packet Identifiers"
        columns={INBOUND_COLUMNS}
        keyOf={(packetId) => packetId}
        empty="None."
      />
    </Card>
  );
}
