// The storage: what it is, whether it works, how long it takes, and how much waits for it.
import { bytes, milliseconds, short, visible, whole } from '../format.js';
import { call } from '../api.js';
import { useLoaded } from '../live/load.js';
import { useLive } from '../live/samples.js';
import { Chart } from '../view/chart.js';
import type { ChartLine } from '../view/chart.js';
import { Badge, Card, Facts, Failure, Loading, Page, Stat } from '../view/parts.js';
import type { PageProps } from './page-props.js';

const COMMIT: readonly ChartLine[] = [
  { series: 'commit', label: 'median', color: '--line-1' },
  { series: 'commitP99', label: 'p99', color: '--line-3' },
];
const BACKLOG: readonly ChartLine[] = [{ series: 'backlog', label: 'changes', color: '--line-2' }];

const LEVELS = {
  received: 'as soon as the broker has received the message',
  stored: 'when it is written, before the disk has confirmed it',
  flushed: 'when it is on disk',
} as const;

export function Storage({ theme }: PageProps) {
  const live = useLive();
  const { status, error, hasMetrics } = live;
  if (status === undefined)
    return <Page title="Storage">{error === undefined ? <Loading /> : <Failure error={error} />}</Page>;
  const { storage } = status;
  return (
    <Page title="Storage" lead="What acknowledgements stand for, and how long storage takes for it.">
      <dl class="stats">
        <Stat
          label="Backend"
          value={visible(storage.adapter)}
          note={storage.isDurable ? 'survives a restart' : 'lost with a restart'}
          tone={storage.isDurable ? 'plain' : 'warn'}
        />
        <Stat label="Acknowledges what is" value={storage.ackLevel} />
        <Stat label="Waiting to be stored" value={short(storage.uncommittedChanges)} note="changes" />
        <Stat label="Retained" value={whole(status.retainedMessages)} note={bytes(status.retainedBytes)} />
      </dl>
      <div class="grid">
        <Card title="State">
          <Facts
            of={[
              ['Writing', storage.isWriting ? <Badge tone="good">works</Badge> : <Badge tone="bad">fails</Badge>],
              ['Reading', storage.isReading ? <Badge tone="good">works</Badge> : <Badge tone="bad">fails</Badge>],
              ['Last error', storage.error === undefined ? undefined : visible(storage.error)],
              ['Messages are acknowledged', LEVELS[storage.ackLevel]],
            ]}
          />
        </Card>
        <Chart title="Backlog" lines={BACKLOG} live={live} show={short} theme={theme} />
        <Chart
          title="Time to store"
          lines={COMMIT}
          live={live}
          show={milliseconds}
          theme={theme}
          missing={
            hasMetrics === false
              ? 'This broker offers no metrics, so latencies are not known.'
              : 'Nothing was stored since this page was opened.'
          }
        />
        <Limits />
      </div>
    </Page>
  );
}

function Limits() {
  const { data, error, reload } = useLoaded(() => call('limits', {}), 'limits');
  return (
    <Card title="Limits in force" kind="wide">
      {error !== undefined && <Failure error={error} retry={reload} />}
      {data === undefined ? (
        error === undefined && <Loading />
      ) : (
        <Facts
          columns
          of={Object.entries(data.limits).map(
            ([name, value]) => [name, typeof value === 'number' ? whole(value) : visible(String(value))] as const,
          )}
        />
      )}
    </Card>
  );
}
