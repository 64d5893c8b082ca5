// Asks interceptors, and waits for those that do not answer at once: one packet of a connection at a time, so that its
// order stays, while all other connections go on.
import type { Connection } from '../connect/connection.js';
import type { RequestOf, Stage, VerdictOf } from './verdict.js';

/** Objects of a packet that waits. */
const PACKET_BYTES = 512;

/** Whether an interceptor wants to see packets of this kind. */
export const isIntercepted = ({ context }: Connection, stage: Stage): boolean => context.intercepted[stage];

/** @returns the verdict, or `undefined` if it comes later: then `awaitVerdict` has to be called. */
export const askInterceptors = <S extends Stage>(
  { context, id, view }: Connection,
  stage: S,
  request: RequestOf<S>,
): VerdictOf<S> | undefined => context.effects.intercept(id, stage, request, view);

/**
 * Handles no further packet of the client until the verdict is there.
 * @param contentBytes what the packet holds; `undefined` for a CONNECT and its will, which count with what other
 * clients have sent that are not accepted yet: those must keep no client from being read.
 */
export function awaitVerdict<S extends Stage>(
  connection: Connection,
  stage: S,
  contentBytes: number | undefined,
  then: (verdict: VerdictOf<S>) => void,
  abandoned?: () => void,
): void {
  const bytes = contentBytes === undefined ? 0 : PACKET_BYTES + contentBytes;
  connection.awaitedVerdict = { stage, bytes, then, abandoned };
  connection.context.interceptedBytes += bytes;
  connection.suspend();
}

/**
 * Asks and goes on with the verdict, at once or later.
 * @param contentBytes see `awaitVerdict`; called only if the verdict comes later.
 */
export function intercept<S extends Stage>(
  connection: Connection,
  stage: S,
  request: RequestOf<S>,
  contentBytes: () => number | undefined,
  then: (verdict: VerdictOf<S>) => void,
): void {
  const verdict = askInterceptors(connection, stage, request);
  if (verdict === undefined) awaitVerdict(connection, stage, contentBytes(), then);
  else then(verdict);
}

export function verdictArrived(connection: Connection, stage: Stage, verdict: VerdictOf<Stage>): void {
  if (connection.awaitedVerdict?.stage !== stage) return;
  const awaited = connection.takeAwaited();
  // First, because what follows may suspend the connection again.
  connection.resume();
  awaited?.then(verdict);
}
