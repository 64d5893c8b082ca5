// What the broker does now: how much there is of everything, rates and latencies of the last minutes, what was dropped.
import { ago, bytes, dateTime, milliseconds, short, visible, whole } from '../format.js';
import { droppedIn, useLive } from '../live/samples.js';
import type { Status } from '../live/samples.js';
import { Chart } from '../view/chart.js';
import type { ChartLine } from '../view/chart.js';
import { Badge, Card, Code, Empty, Facts, Failure, Loading, Page, Stat, Table } from '../view/parts.js';
import type { PageProps } from './page-props.js';

const RATES: readonly ChartLine[] = [
  { series: 'accepted', label: 'received', color: '--line-1' },
  { series: 'delivered', label: 'delivered', color: '--line-2' },
  { series: 'dropped', label: 'dropped', color: '--line-3' },
];
const CONNECTIONS: readonly ChartLine[] = [{ series: 'connections', label: 'connected', color: '--line-1' }];
const COMMIT: readonly ChartLine[] = [
  { series: 'commit', label: 'median', color: '--line-1' },
  { series: 'commitP99', label: 'p99', color: '--line-3' },
];
const LOOP: readonly ChartLine[] = [{ series: 'loop', label: 'p99', color: '--line-2' }];

const perSecond = (value: number): string => `${short(value)}/s`;

export function Overview({ theme }: PageProps) {
  const live = useLive();
  const { status, error, hasMetrics } = live;
  if (status === undefined)
    return <Page title="Overview">{error === undefined ? <Loading /> : <Failure error={error} />}</Page>;
  const missing =
    hasMetrics === false ? 'This broker offers no metrics, so latencies are not known.' : 'Nothing was measured yet.';
  return (
    <Page
      title="Overview"
      lead={
        <>
          hexmq {status.version}, started {ago(status.startedAt)} <StateBadge status={status} />
        </>
      }
    >
      <Counts status={status} />
      <div class="grid">
        <Chart title="Messages" lines={RATES} live={live} show={perSecond} theme={theme} />
        <Chart title="Connections" lines={CONNECTIONS} live={live} show={short} theme={theme} />
        <Chart title="Time to store" lines={COMMIT} live={live} show={milliseconds} theme={theme} missing={missing} />
        <Chart title="Event loop delay" lines={LOOP} live={live} show={milliseconds} theme={theme} missing={missing} />
        <Dropped status={status} />
        <Process status={status} />
      </div>
    </Page>
  );
}

function StateBadge({ status: { storage } }: { readonly status: Status }) {
  if (!storage.isWriting) return <Badge tone="bad">storage fails</Badge>;
  if (!storage.isReading) return <Badge tone="warn">storage cannot be read</Badge>;
  return <Badge tone="good">running</Badge>;
}

function Counts({ status }: { readonly status: Status }) {
  const { messages } = status;
  const dropped = droppedIn(status);
  return (
    <dl class="stats">
      <Stat label="Connections" value={whole(status.connections)} />
      <Stat label="Sessions" value={whole(status.sessions)} note={`${whole(status.subscriptions)} subscriptions`} />
      <Stat label="Received" value={short(messages.accepted)} note={`${short(messages.delivered)} delivered`} />
      <Stat label="Waiting" value={short(messages.waiting)} note={`${bytes(status.waitingBytes)} in memory`} />
      <Stat label="Retained" value={short(status.retainedMessages)} note={bytes(status.retainedBytes)} />
      <Stat
        label="Dropped"
        value={short(dropped)}
        note={`${short(messages.denied)} not allowed`}
        tone={dropped > 0 ? 'warn' : 'plain'}
      />
    </dl>
  );
}

function Dropped({ status }: { readonly status: Status }) {
  const reasons = Object.entries(status.messages.dropped)
    .filter(([, count]) => count > 0)
    .sort(([, one], [, other]) => other - one);
  return (
    <Card title="Dropped since the start">
      {reasons.length === 0 ? (
        <Empty>No message was dropped.</Empty>
      ) : (
        <Table
          caption="Messages that were dropped, by reason"
          items={reasons}
          keyOf={([reason]) => reason}
          columns={[
            { head: 'Reason', cell: ([reason]) => reason },
            { head: 'Messages', cell: ([, count]) => whole(count), isNumber: true },
          ]}
        />
      )}
    </Card>
  );
}

const Process = ({ status }: { readonly status: Status }) => (
  <Card title="Process">
    <Facts
      of={[
        ['Started', dateTime(status.startedAt)],
        ['Process', status.pid],
        ['Log level', status.logLevel],
        ['Storage', `${visible(status.storage.adapter)}, acknowledges what is ${status.storage.ackLevel}`],
        ...status.listeners.map(
          ({ listener, address, type, path }) =>
            [
              `Listener ${visible(listener)}`,
              <>
                <Code text={`${address}${path ?? ''}`} /> <span class="muted">{type}</span>
              </>,
            ] as const,
        ),
      ]}
    />
  </Card>
);
