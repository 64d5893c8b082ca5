// What a queue of which more than half is full means for publishers. If its client keeps up, the messages come faster
// than the broker delivers them: their publishers are slowed before anything is dropped. A client that is slow, stalled
// or away slows no publisher; there the policy for full queues decides.
import type { Context } from '../context.js';
import { Deadline } from '../deadlines.js';
import type { QueueId } from '../identifiers.js';
import type { TimerKind } from '../deadlines.js';
import type { Pressed, SlowedPublisher } from '../slowed-publisher.js';

/** Levels are shares of what may wait: 1 is a full queue. Below this one a queue has no backlog. */
export const HALF = 0.5;
/** How far the level must fall until publishers go on. */
const STEP = 1 / 64;
/** How often it is judged again whether the client keeps up, while publishers wait for it. */
const JUDGE_MS = 500;
/** A client that does not bring the level down by a step within this time is slow, whatever its window says. */
const GIVE_UP_MS = 2000;

/** How many publishers try again at a time that nothing has left a full queue. */
const RETRIES_MAX = 200;

/** A queue as its backlog sees it. */
export interface BackloggedQueue {
  readonly id: QueueId;
  readonly level: number;
  readonly owner: { readonly keepsUp: boolean };
  /** Undefined if it has none. */
  backlog: Backlog | undefined;
}

const TIMER: TimerKind<Backlog> = {
  name: 'backlog',
  expired: (backlog) => {
    backlog.judge();
  },
};

export class Backlog implements Pressed {
  /** Above this level publishers are slowed. */
  #mark: number;
  /** In the order in which they began to wait. */
  readonly #slowed = new Set<SlowedPublisher>();
  /** Publishers with a message for which there was no room (`queueFullPolicy: refuse`). */
  readonly #refused = new Set<SlowedPublisher>();
  /** Since when the level has not fallen by a step, while publishers wait. */
  #slowedSinceMs = 0;
  #isGivenUp = false;
  readonly #deadline = new Deadline<Backlog>(TIMER, this);

  /** @param mark the level from which on publishers are slowed. */
  constructor(
    readonly queue: BackloggedQueue,
    readonly context: Context,
    mark: number,
  ) {
    this.#mark = mark;
  }

  /** The backlog with which a client returns: publishers are not slowed as long as it becomes less. */
  static found(queue: BackloggedQueue, context: Context): Backlog {
    return new Backlog(queue, context, Math.min(queue.level + STEP, 1 - STEP));
  }

  get id(): QueueId {
    return this.queue.id;
  }

  get level(): number {
    return this.queue.level;
  }

  /** The message that is being published has joined the queue. */
  grew(): void {
    const { level } = this.queue;
    if (level <= this.#mark || this.#isGivenUp || !this.queue.owner.keepsUp) return;
    const { pressed } = this.context;
    if (pressed === undefined || pressed.level < level) this.context.pressed = this;
  }

  /** A message has left the queue. */
  fell(): void {
    const { level } = this.queue;
    // A message that was refused comes first: a publisher that is slowed has had its place.
    if (this.#refused.size > 0) this.#retry(level);
    else if (this.#slowed.size === 0) this.#follow(level);
    else if (level <= this.#mark - STEP) this.#goOn(this.#places(this.#mark - level));
    if (level < HALF - STEP) this.#endIfUnused();
  }

  #retry(level: number): void {
    if (level < 1) release(this.#refused, this.#places(1 - level));
  }

  #places(share: number): number {
    return Math.max(1, Math.floor(share * this.context.limits.maxQueueSize));
  }

  /** While publishers are not slowed, the mark falls with the level: they are slowed when it rises again. */
  #follow(level: number): void {
    this.#mark = Math.max(HALF, Math.min(this.#mark, level + STEP));
  }

  slow(publisher: SlowedPublisher): void {
    if (this.#slowed.size === 0) this.#wait(this.context.nowMs);
    this.#slowed.add(publisher);
  }

  refuse(publisher: SlowedPublisher): void {
    this.#refused.add(publisher);
    if (!this.#deadline.isSet) this.#judgeLater();
  }

  leave(publisher: SlowedPublisher): void {
    this.#slowed.delete(publisher);
    this.#refused.delete(publisher);
    if (this.#slowed.size + this.#refused.size === 0) this.context.deadlines.clear(this.#deadline);
  }

  /** The client has gone. */
  readerGone(): void {
    this.#goOn(this.#slowed.size);
    this.#endIfUnused();
  }

  judge(): void {
    if (this.#slowed.size > 0) {
      this.#isGivenUp ||= this.context.nowMs - this.#slowedSinceMs >= GIVE_UP_MS;
      if (this.#isGivenUp || !this.queue.owner.keepsUp) this.#goOn(this.#slowed.size);
    }
    // The queue may have ended, the route may be another, or the time of a publisher over.
    release(this.#refused, RETRIES_MAX);
    if (this.#slowed.size + this.#refused.size > 0) this.#judgeLater();
    else if (this.queue.level < HALF - STEP) this.#endIfUnused();
  }

  #wait(nowMs: number): void {
    this.#slowedSinceMs = nowMs;
    this.#judgeLater();
  }

  #judgeLater(): void {
    this.context.deadlines.set(this.#deadline, this.context.nowMs + JUDGE_MS);
  }

  #endIfUnused(): void {
    if (this.#slowed.size + this.#refused.size > 0) return;
    this.context.deadlines.clear(this.#deadline);
    this.queue.backlog = undefined;
  }

  /** As many as there is room for below the mark, because each may publish at least one message. */
  #goOn(count: number): void {
    release(this.#slowed, count);
    if (this.#slowed.size > 0) this.#wait(this.context.nowMs);
    else if (this.#refused.size === 0) this.context.deadlines.clear(this.#deadline);
  }
}

function release(publishers: Set<SlowedPublisher>, count: number): void {
  let left = count;
  for (const publisher of publishers) {
    if (left-- <= 0) return;
    publishers.delete(publisher);
    publisher.goOn();
  }
}
