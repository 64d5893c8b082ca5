// A chart of the last minutes. Its newest values are text beside it, so screen readers miss nothing.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Live, SeriesName } from '../live/samples.js';
import { Card } from './parts.js';

export interface ChartLine {
  readonly series: SeriesName;
  readonly label: string;
  /** A variable of the style. */
  readonly color: string;
}

const HEIGHT = 180;

const styleOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf(lines: readonly ChartLine[], width: number, show: (value: number) => string): uPlot.Options {
  const axis = {
    stroke: styleOf('--muted'),
    grid: { stroke: styleOf('--grid'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    padding: [10, 6, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      { ...axis, size: 28, space: 70, values: [[1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]] },
      { ...axis, size: 62, values: (_plot, splits) => splits.map((one) => show(one)) },
    ],
    series: [
      {},
      ...lines.map(({ label, color }) => ({
        label,
        stroke: styleOf(color),
        width: 1.75,
        fill: lines.length === 1 ? `${styleOf(color)}22` : undefined,
        points: { show: false },
      })),
    ] as uPlot.Series[],
  };
}

export function Chart({
  title,
  lines,
  live,
  show,
  theme,
  missing,
}: {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly live: Live;
  readonly show: (value: number) => string;
  /** Another one draws it again, in other colours. */
  readonly theme: string;
  /** What to say if there are no values at all. */
  readonly missing?: string | undefined;
}) {
  const isMissing =
    missing !== undefined && lines.every(({ series }) => live.series[series].every((one) => one === null));
  const latest = (series: SeriesName): string => {
    const value = live.series[series].findLast((one) => one !== null);
    return value === undefined || value === null ? '–' : show(value);
  };
  const legend = (
    <ul class="legend">
      {lines.map(({ series, label, color }) => (
        <li key={series}>
          <span class={`swatch ${color.slice(2)}`} aria-hidden="true" />
          {label} <strong>{latest(series)}</strong>
        </li>
      ))}
    </ul>
  );
  return (
    <Card title={title} aside={legend} kind="chart">
      {isMissing ? <p class="empty">{missing}</p> : <Plot lines={lines} live={live} show={show} theme={theme} />}
    </Card>
  );
}

function Plot({
  lines,
  live,
  show,
  theme,
}: {
  readonly lines: readonly ChartLine[];
  readonly live: Live;
  readonly show: (value: number) => string;
  readonly theme: string;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = [live.times, ...lines.map(({ series }) => live.series[series])] as unknown as uPlot.AlignedData;
  useEffect(() => {
    const element = holder.current;
    if (element === null) return undefined;
    const made = new uPlot(optionsOf(lines, element.clientWidth, show), data, element);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current?.setData(data), [live]);
  return <div class="plot" ref={holder} aria-hidden="true" />;
}
