// Lines of a stream as they come, the newest first: events of the log and steps of a trace.
import { useEffect } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { clock, visible } from '../format.js';
import { useLines } from '../live/lines.js';
import type { Line, Lines } from '../live/lines.js';
import { Badge, Card, Empty, Failure } from '../view/parts.js';
import type { Tone } from '../view/parts.js';

const TONES: Readonly<Record<string, Tone>> = { warn: 'warn', error: 'bad', fatal: 'bad' };
const SHOWN_APART = new Set(['time', 'level', 'event', 'step', 'msg', 'pid', 'hostname']);

const textOf = (value: unknown): string => visible(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

export function LineItem({ line }: { readonly line: Line }) {
  const { time, level, event, step, msg } = line;
  const fields = Object.entries(line).filter(([key, value]) => !SHOWN_APART.has(key) && value !== undefined);
  return (
    <li class="line">
      <time>{typeof time === 'string' || typeof time === 'number' ? clock(time) : ''}</time>
      <div>
        <p>
          <Badge tone={TONES[String(level)] ?? 'plain'}>{textOf(step ?? event ?? level ?? 'line')}</Badge>{' '}
          {msg !== undefined && <span>{textOf(msg)}</span>}
        </p>
        {fields.length > 0 && (
          <dl class="fields">
            {fields.map(([key, value]) => (
              <div key={key}>
                <dt>{visible(key)}</dt>
                <dd>
                  <bdi>{textOf(value)}</bdi>
                </dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </li>
  );
}

export function LineList({ lines, empty }: { readonly lines: Lines; readonly empty: ComponentChildren }) {
  const { state, error, forgotten } = lines;
  return (
    <>
      {state === 'failed' && isAbsent(lines) && <Empty>This broker does not offer that.</Empty>}
      {state === 'failed' && error !== undefined && !isAbsent(lines) && <Failure error={error} />}
      {lines.lines.length === 0 && state !== 'failed' && <Empty>{empty}</Empty>}
      {lines.lines.length > 0 && (
        <ol class="lines" reversed>
          {[...lines.lines].reverse().map(({ number, line }) => (
            <LineItem key={number} line={line} />
          ))}
        </ol>
      )}
      {forgotten > 0 && <p class="muted">{forgotten} older lines are no longer shown.</p>}
    </>
  );
}

const STATES: Readonly<Record<Lines['state'], string>> = {
  idle: 'not started',
  open: 'live',
  ended: 'ended',
  failed: 'failed',
};

const isAbsent = ({ error }: Lines): boolean => error?.kind === 'unknown-operation';

export const StreamState = ({ lines }: { readonly lines: Lines }) => (
  <Badge tone={lines.state === 'open' ? 'good' : 'plain'}>
    {isAbsent(lines) ? 'not offered' : STATES[lines.state]}
  </Badge>
);

/** The events of one client. The stream is open as long as the page is visible. */
export function Timeline({ clientId }: { readonly clientId: string }) {
  const lines = useLines();
  const { start, stop } = lines;
  useEffect(() => {
    const follow = (): void => {
      if (document.hidden) stop();
      else start(`events?level=debug&clientId=${encodeURIComponent(clientId)}`);
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
    };
  }, [clientId]);
  return (
    <Card title="Timeline" kind="wide" aside={<StreamState lines={lines} />}>
      <LineList lines={lines} empty="What happens to this client from now on appears here." />
    </Card>
  );
}
