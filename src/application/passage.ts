// What several interceptors make of one packet: what the next one is shown, and what those before it have decided.
import { isDenial } from '../domain/interception/verdict.js';
import type { Denial, RequestOf, Stage, VerdictOf } from '../domain/interception/verdict.js';

export const PASS = { decision: 'pass' } as const;

/** What the next interceptor is shown, and what those before it have decided. */
export interface Passage<S extends Stage> {
  readonly request: RequestOf<S>;
  readonly isOver: boolean;
  readonly verdict: VerdictOf<S>;
  take(verdict: VerdictOf<S>): void;
}

export function passageOf<S extends Stage>(stage: S, request: RequestOf<S>): Passage<S> {
  const passage =
    stage === 'subscribe' || stage === 'unsubscribe'
      ? new ListPassage(request as RequestOf<'subscribe' | 'unsubscribe'>)
      : new PacketPassage(request as RequestOf<PacketStage>);
  return passage;
}

type PacketStage = 'connect' | 'publish';

/** Of what passes as a whole. */
class PacketPassage {
  isOver = false;
  verdict: VerdictOf<PacketStage> = PASS;
  readonly #sent: RequestOf<PacketStage>;

  constructor(sent: RequestOf<PacketStage>) {
    this.#sent = sent;
  }

  get request(): RequestOf<PacketStage> {
    const { verdict } = this;
    return verdict.decision === 'replace' ? { ...this.#sent, ...verdict.with } : this.#sent;
  }

  take(verdict: VerdictOf<PacketStage>): void {
    if (verdict.decision === 'pass') return;
    this.verdict = verdict;
    this.isOver = verdict.decision !== 'replace';
  }
}

type Entry = RequestOf<'subscribe'>['subscriptions'][number] | string;

/** Of a list in which some entries may be denied: the next interceptor is shown the others. */
class ListPassage {
  isOver = false;
  #entries: (Entry | Denial)[] | undefined;
  #denial: VerdictOf<'subscribe'> | undefined;

  constructor(public request: RequestOf<'subscribe'> | RequestOf<'unsubscribe'>) {}

  get verdict(): VerdictOf<'subscribe'> | VerdictOf<'unsubscribe'> {
    if (this.#denial !== undefined) return this.#denial;
    return this.#entries === undefined
      ? PASS
      : ({ decision: 'replace', with: this.#entries } as VerdictOf<'subscribe'>);
  }

  take(verdict: VerdictOf<'subscribe'> | VerdictOf<'unsubscribe'>): void {
    if (verdict.decision === 'pass') return;
    if (verdict.decision === 'deny' && this.#entries === undefined) {
      this.#denial = verdict;
      this.isOver = true;
      return;
    }
    const { request } = this;
    const shown: readonly Entry[] = 'subscriptions' in request ? request.subscriptions : request.topicFilters;
    const judged: readonly (Entry | Denial)[] =
      verdict.decision === 'replace' ? verdict.with : shown.map(() => ({ ...verdict }));
    let next = 0;
    this.#entries = (this.#entries ?? [...shown]).map((entry) =>
      isDenial(entry) ? entry : (judged[next++] as Entry | Denial),
    );
    const left = this.#entries.filter((entry): entry is Entry => !isDenial(entry));
    this.isOver = left.length === 0;
    this.request = (
      'subscriptions' in request ? { ...request, subscriptions: left } : { ...request, topicFilters: left }
    ) as typeof request;
  }
}
