// A stream of the API as a list that grows to a bound: events of the log, and steps of a trace.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { stream } from '../api.js';
import type { ApiError } from '../api.js';
import { asApiError } from './load.js';

export type Line = Readonly<Record<string, unknown>>;
/** With a number that stays the same while lines come and go. */
export interface Numbered {
  readonly number: number;
  readonly line: Line;
}

export interface Lines {
  /** The newest last. */
  readonly lines: readonly Numbered[];
  /** How many older ones are no longer there. */
  readonly forgotten: number;
  readonly state: 'idle' | 'open' | 'ended' | 'failed';
  readonly error: ApiError | undefined;
  readonly start: (path: string) => void;
  readonly stop: () => void;
  readonly clear: () => void;
}

const LINES_MAX = 500;
/** Lines that come together are drawn together. */
const DRAW_MS = 200;

interface State {
  readonly lines: readonly Numbered[];
  readonly forgotten: number;
  readonly state: Lines['state'];
  readonly error?: ApiError | undefined;
}

const IDLE: State = { lines: [], forgotten: 0, state: 'idle' };

export function useLines(): Lines {
  const [state, setState] = useState<State>(IDLE);
  const running = useRef<AbortController | undefined>(undefined);
  const stop = useCallback(() => {
    running.current?.abort();
    running.current = undefined;
    setState((before) => (before.state === 'open' ? { ...before, state: 'ended' } : before));
  }, []);
  const start = useCallback((path: string) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setState({ ...IDLE, state: 'open' });
    const collect = collector(setState);
    const end = (how: Partial<State>): void => {
      collect.flush();
      if (running.current === controller) setState((before) => ({ ...before, ...how }));
    };
    stream(path, collect.add, controller.signal).then(
      () => {
        end({ state: 'ended' });
      },
      (error: unknown) => {
        if (!controller.signal.aborted) end({ state: 'failed', error: asApiError(error) });
      },
    );
  }, []);
  useEffect(() => () => running.current?.abort(), []);
  const clear = useCallback(() => {
    setState((before) => ({ ...before, lines: [], forgotten: 0 }));
  }, []);
  return { ...state, error: state.error, start, stop, clear };
}

function collector(setState: (update: (before: State) => State) => void): {
  add: (text: string) => void;
  flush: () => void;
} {
  let number = 0;
  let pending: Numbered[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const added = pending;
    pending = [];
    if (added.length === 0) return;
    setState((before) => {
      const all = [...before.lines, ...added];
      const surplus = Math.max(0, all.length - LINES_MAX);
      return { ...before, lines: all.slice(surplus), forgotten: before.forgotten + surplus };
    });
  };
  return {
    add: (text) => {
      pending.push({ number: number++, line: parsed(text) });
      if (pending.length > LINES_MAX) flush();
      timer ??= setTimeout(flush, DRAW_MS);
    },
    flush,
  };
}

function parsed(text: string): Line {
  try {
    const line = JSON.parse(text) as unknown;
    if (typeof line === 'object' && line !== null) return line as Line;
  } catch {
    // Shown as it is.
  }
  return { msg: text };
}
