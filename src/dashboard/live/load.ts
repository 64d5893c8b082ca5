// Loading from the API for as long as something is shown: once, again and again while the page is visible, and lists
// page by page. Nothing is asked for while the page is hidden.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call } from '../api.js';
import type { ItemOf, PagedOperation, RequestOf } from '../api.js';

export interface Loaded<T> {
  readonly data: T | undefined;
  /** Of the last attempt; data may be there from an earlier one. */
  readonly error: ApiError | undefined;
  readonly reload: () => void;
}

export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError('fault', error instanceof Error ? error.message : String(error));

/** @param everyMs loads again; `undefined`: once. @param key what is loaded: another key starts again. */
export function useLoaded<T>(load: () => Promise<T>, key: string, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T | undefined; error?: ApiError | undefined }>({ key });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(
    () =>
      whileVisible(async () => {
        const outcome = await latest.current().then(
          (data) => ({ data, error: undefined }),
          (error: unknown) => ({ error: asApiError(error) }),
        );
        return () => {
          setState((before) => ({ key, data: before.key === key ? before.data : undefined, ...outcome }));
        };
      }, everyMs),
    [key, everyMs, turn],
  );
  const reload = useCallback(() => {
    setTurn((before) => before + 1);
  }, []);
  const isCurrent = state.key === key;
  return { data: isCurrent ? state.data : undefined, error: isCurrent ? state.error : undefined, reload };
}

/** Runs one after the other, never two at once. @returns what ends it. */
export function whileVisible(run: () => Promise<() => void>, everyMs: number | undefined): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRunning = false;
  let isEnded = false;
  let hasRun = false;
  const next = async (): Promise<void> => {
    clearTimeout(timer);
    if (isEnded || isRunning || document.hidden || (hasRun && everyMs === undefined)) return;
    isRunning = true;
    const apply = await run();
    isRunning = false;
    hasRun = true;
    if (isEnded) return;
    apply();
    if (everyMs !== undefined) timer = setTimeout(() => void next(), everyMs);
  };
  const onChange = (): void => void next();
  document.addEventListener('visibilitychange', onChange);
  void next();
  return () => {
    isEnded = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onChange);
  };
}

/** Items that one list shows at most; a search finds the others. */
export const ROWS_MAX = 1000;
/** Pages that are asked for until one has items: a page may be empty and still not be the last. */
const EMPTY_PAGES_MAX = 25;

export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly error: ApiError | undefined;
  readonly isLoading: boolean;
  readonly hasMore: boolean;
  readonly more: () => void;
  readonly reload: () => void;
}

interface ListState<Item> {
  readonly items: readonly Item[];
  readonly cursor?: string | undefined;
  readonly error?: ApiError | undefined;
  readonly isLoading: boolean;
}

export function useList<Name extends PagedOperation>(
  operation: Name,
  request: Omit<RequestOf<Name>, 'cursor'>,
  limit = 50,
): Listed<ItemOf<Name>> {
  type Item = ItemOf<Name>;
  const key = JSON.stringify([operation, request]);
  const [state, setState] = useState<ListState<Item>>({ items: [], isLoading: true });
  const [turn, setTurn] = useState(0);
  const running = useRef(0);
  const load = useCallback(
    async (from: ListState<Item>): Promise<void> => {
      const mine = ++running.current;
      setState({ ...from, isLoading: true, error: undefined });
      const outcome = await nextItems(operation, { ...request, limit } as RequestOf<Name>, from.cursor);
      if (mine !== running.current) return;
      setState({ ...outcome, items: [...from.items, ...(outcome.items as Item[])], isLoading: false });
    },
    [key],
  );
  useEffect(() => {
    void load({ items: [], isLoading: true });
    return () => {
      running.current++;
    };
  }, [key, turn]);
  return {
    items: state.items,
    error: state.error,
    isLoading: state.isLoading,
    hasMore: state.cursor !== undefined && state.items.length < ROWS_MAX,
    more: () => {
      if (!state.isLoading) void load(state);
    },
    reload: () => {
      setTurn((before) => before + 1);
    },
  };
}

async function nextItems<Name extends PagedOperation>(
  operation: Name,
  request: RequestOf<Name>,
  from: string | undefined,
): Promise<{ items: unknown[]; cursor?: string | undefined; error?: ApiError }> {
  const items: unknown[] = [];
  let cursor = from;
  try {
    for (let pages = 0; pages < EMPTY_PAGES_MAX; pages++) {
      const page = (await call(operation, cursor === undefined ? request : { ...request, cursor })) as {
        items: unknown[];
        cursor?: string;
      };
      items.push(...page.items);
      cursor = page.cursor;
      if (cursor === undefined || items.length > 0) break;
    }
    return { items, cursor };
  } catch (error) {
    return { items, error: asApiError(error) };
  }
}
