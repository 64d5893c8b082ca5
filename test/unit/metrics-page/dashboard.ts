// deploy/monitoring/grafana-dashboard.json: a dashboard for Grafana, to be imported.

interface Query {
  readonly expression: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly queries: readonly Query[];
}

const MINE = 'instance=~"$instance"';
const query = (expression: string, legend = ''): Query => ({ expression, legend });
const rateBy = (name: string, label: string): Query =>
  query(`sum by (${label}) (rate(${name}{${MINE}}[$__rate_interval]))`, `{{${label}}}`);
const rate = (name: string, legend: string): Query => query(`sum(rate(${name}{${MINE}}[$__rate_interval]))`, legend);
const now = (name: string, legend: string): Query => query(`sum(${name}{${MINE}})`, legend);
const nowBy = (name: string, label: string): Query => query(`sum by (${label}) (${name}{${MINE}})`, `{{${label}}}`);
const quantiles = (name: string): Query[] =>
  [0.5, 0.9, 0.99].map((share) =>
    query(
      `histogram_quantile(${share}, sum by (le) (rate(${name}_bucket{${MINE}}[$__rate_interval])))`,
      `${share * 100} %`,
    ),
  );
const panel = (title: string, unit: string, ...queries: readonly Query[]): Panel => ({ title, unit, queries });

const ROWS: Readonly<Record<string, readonly Panel[]>> = {
  Overview: [
    panel('Ready, by check', 'bool_yes_no', nowBy('hexmq_ready', 'check')),
    panel('Connected clients, by protocol version', 'short', nowBy('hexmq_connections', 'protocol_version')),
    panel(
      'Sessions, subscriptions, retained messages',
      'short',
      now('hexmq_sessions', 'sessions'),
      now('hexmq_subscriptions', 'subscriptions'),
      now('hexmq_retained_messages', 'retained messages'),
    ),
  ],
  Messages: [
    panel('Received, by QoS', 'cps', rateBy('hexmq_messages_received_total', 'qos')),
    panel('Sent, by QoS', 'cps', rateBy('hexmq_messages_sent_total', 'qos')),
    panel(
      'Bytes',
      'Bps',
      rate('hexmq_network_received_bytes_total', 'received'),
      rate('hexmq_network_sent_bytes_total', 'sent'),
    ),
    panel('Dropped, by reason', 'cps', rateBy('hexmq_deliveries_dropped_total', 'reason')),
    panel(
      'Queues',
      'short',
      now('hexmq_queued_messages', 'in all queues'),
      now('hexmq_queue_largest_messages', 'in the largest one'),
      nowBy('hexmq_inflight_messages', 'direction'),
    ),
    panel('Age of the oldest waiting message', 's', query(`max(hexmq_queue_oldest_message_age_seconds{${MINE}})`)),
  ],
  Storage: [
    panel('Commit', 's', ...quantiles('hexmq_storage_commit_duration_seconds')),
    panel('Wait of acknowledgements', 's', ...quantiles('hexmq_storage_gate_wait_seconds')),
    panel('Changes in a batch', 'short', ...quantiles('hexmq_storage_commit_changes')),
    panel(
      'Waiting',
      'short',
      now('hexmq_storage_backlog_changes', 'changes'),
      now('hexmq_storage_gated_connections', 'connections'),
    ),
    panel('Failures', 'cps', rateBy('hexmq_storage_failures_total', 'operation')),
  ],
  Clients: [
    panel(
      'Connecting',
      'cps',
      rate('hexmq_connections_accepted_total', 'accepted'),
      rate('hexmq_connections_refused_total', 'refused'),
      rate('hexmq_handshakes_failed_total', 'failed before MQTT'),
    ),
    panel('Ended, by reason', 'cps', rateBy('hexmq_connections_ended_total', 'reason')),
    panel('Decisions', 'cps', rateBy('hexmq_authentications_total', 'result')),
    panel('Time of a decision', 's', ...quantiles('hexmq_authentication_duration_seconds')),
    panel('Slow readers', 'short', now('hexmq_congested_connections', 'clients')),
  ],
  Process: [
    panel('Used share of the event loop', 'percentunit', rate('hexmq_turn_duration_seconds_total', 'turns')),
    panel(
      'Delay of the event loop',
      's',
      query(`max(nodejs_eventloop_lag_p99_seconds{${MINE}})`, '99 %'),
      query(`max(nodejs_eventloop_lag_max_seconds{${MINE}})`, 'longest'),
    ),
    panel('Turns over their budget', 'cps', rate('hexmq_turn_budget_exhausted_total', 'turns')),
    panel(
      'Memory',
      'bytes',
      query(`max(process_resident_memory_bytes{${MINE}})`, 'resident'),
      query(`max(nodejs_heap_size_used_bytes{${MINE}})`, 'heap'),
    ),
    panel(
      'Accounts of memory, share of their limit',
      'percentunit',
      query(
        `max by (account) (hexmq_memory_account_bytes{${MINE}} / hexmq_memory_account_limit_bytes{${MINE}})`,
        '{{account}}',
      ),
    ),
    panel('Accounting (always 0)', 'short', query(`max(hexmq_accounting_imbalance{${MINE}})`, 'imbalance')),
  ],
};

export const dashboardExpressions = (): readonly string[] =>
  Object.values(ROWS).flatMap((panels) => panels.flatMap(({ queries }) => queries.map(({ expression }) => expression)));

const SOURCE = { type: 'prometheus', uid: '${datasource}' };
const WIDTH = 8;
const HEIGHT = 7;
const COLUMNS = 24;

export function dashboardFile(): string {
  const panels: object[] = [];
  let y = 0;
  for (const [title, row] of Object.entries(ROWS)) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    });
    y++;
    for (const [at, one] of row.entries()) {
      const x = (at * WIDTH) % COLUMNS;
      panels.push(shownAs(one, panels.length + 1, { x, y, w: WIDTH, h: HEIGHT }));
      if (x + WIDTH === COLUMNS || at === row.length - 1) y += HEIGHT;
    }
  }
  return `${JSON.stringify(dashboardOf(panels), undefined, 2)}\n`;
}

const shownAs = ({ title, unit, queries }: Panel, id: number, gridPos: object): object => ({
  id,
  type: 'timeseries',
  title,
  datasource: SOURCE,
  gridPos,
  fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
  options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
  targets: queries.map(({ expression, legend }, at) => ({
    refId: String.fromCharCode(65 + at),
    datasource: SOURCE,
    expr: expression,
    legendFormat: legend,
  })),
});

const dashboardOf = (panels: readonly object[]): object => ({
  title: 'hexmq',
  uid: 'hexmq',
  tags: ['mqtt'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  refresh: '10s',
  time: { from: 'now-1h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
      {
        name: 'instance',
        label: 'Broker',
        type: 'query',
        datasource: SOURCE,
        query: { query: 'label_values(hexmq_build_info, instance)', refId: 'instance' },
        definition: 'label_values(hexmq_build_info, instance)',
        refresh: 2,
        includeAll: true,
        multi: true,
        current: { text: 'All', value: '$__all' },
      },
    ],
  },
  panels,
});
