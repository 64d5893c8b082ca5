// What the evidence says about each will: whether it must be published, must not be, or may be. After a crash the disk
// tells.
import type { Change } from '../../../ports/index.js';
import type { ConnectionEnd } from '../network.js';
import { tagOf } from '../payload.js';
import type { DiskContents } from './disk-contents.js';
import type { LogicalClock } from './logical-clock.js';
import type { Publication } from './publications.js';

/**
 * - `offered`: CONNECT has come, and CONNACK has not left. A will counts from CONNACK on [MQTT-3.1.2-8].
 * - `held`: CONNACK has left, and the connection exists.
 * - `due`: its connection has ended, so it has been published or is about to be.
 * - `delayed`: its connection has ended, and it is published after its delay unless the client returns.
 * - `after grace`: the broker has died or stopped, and publishes it after the next start unless the client returns.
 * - `in doubt`: an observer cannot tell.
 * - `discarded`: it must not be published.
 * - `published`: the disk shows that it was.
 */
export type WillState = 'offered' | 'held' | 'due' | 'delayed' | 'after grace' | 'in doubt' | 'discarded' | 'published';

export interface ObservedWill {
  readonly client: string;
  readonly publication: Publication;
  state: WillState;
  /** Whether it ever was on the disk: its absence says something only then. */
  wasStored: boolean;
  /** Whether the broker reported that its client is connected: then CONNACK was on its way. */
  wasAdmitted: boolean;
  /** When its delay is over, or its session, if that is earlier; in milliseconds. */
  notBeforeMs: number;
  /** When the CONNECT came with which the client returned in time: that counts when its CONNACK has left. */
  calledOffAt: number | undefined;
  /** What it was before the latest CONNECT of its client came, if that may have called it off. */
  before: Pick<ObservedWill, 'state' | 'notBeforeMs' | 'calledOffAt'> | undefined;
}

/** What decides whether a will waits when its connection has ended, in milliseconds. */
export interface WillDelay {
  readonly nowMs: number;
  readonly delayMs: number;
  /** How long the session goes on. */
  readonly lastsMs: number;
  /** When the CONNECT came that has ended the connection; `undefined` if something else did. */
  readonly takenOverAt: number | undefined;
  /** Whether an operator may have ended the session, and with it the delay. */
  readonly mayBeDeleted: boolean;
}

export class WillLog {
  readonly #byTag = new Map<string, ObservedWill>();
  #unpublished: ObservedWill[] = [];

  constructor(
    readonly clock: LogicalClock,
    readonly disk: DiskContents,
    /** Called when the disk has it as a message like any other. */
    readonly onPublished: (publication: Publication) => void,
  ) {}

  get unpublished(): readonly ObservedWill[] {
    return this.#unpublished;
  }

  stateOf(tag: string): WillState | undefined {
    return this.#byTag.get(tag)?.state;
  }

  /** CONNECT has come, with this will if there is one. */
  connected(client: string, publication: Publication | undefined, clean: boolean): void {
    for (const one of this.#unpublished) {
      if (one.client !== client) continue;
      const { state, notBeforeMs, calledOffAt } = one;
      const isWaiting = state === 'after grace' || state === 'delayed';
      one.before = isWaiting ? { state, notBeforeMs, calledOffAt } : undefined;
      // The session may end now.
      if (clean) one.notBeforeMs = -Infinity;
      if (one.state === 'after grace') one.state = 'in doubt';
      if (one.state !== 'delayed') continue;
      one.state = 'in doubt';
      one.calledOffAt = this.clock.now;
    }
    if (publication === undefined) return;
    const will: ObservedWill = {
      client,
      publication,
      state: 'offered',
      wasStored: false,
      wasAdmitted: false,
      notBeforeMs: -Infinity,
      calledOffAt: undefined,
      before: undefined,
    };
    this.#byTag.set(publication.tag, will);
    this.#unpublished.push(will);
  }

  /** The latest CONNECT of the client, with this will, is refused: those that it had before are what they were. */
  refused(client: string, tag: string | undefined): void {
    this.disconnected(tag);
    for (const one of this.#unpublished) if (one.client === client) Object.assign(one, one.before);
  }

  /** The broker has reported that the client is connected; CONNACK leaves unless the connection ends first. */
  admitted(tag: string | undefined): void {
    const will = this.#ofConnection(tag);
    if (will !== undefined) will.wasAdmitted = true;
  }

  /** CONNACK has left. */
  accepted(tag: string | undefined, connectedAt: number, isNewSession: boolean): void {
    for (const one of this.#unpublished) {
      if (one.state !== 'in doubt' || one.calledOffAt !== connectedAt) continue;
      // With its session a will ends its delay (MQTT 5 section 3.1.3.2.2).
      one.state = isNewSession ? 'due' : 'discarded';
    }
    const will = tag === undefined ? undefined : this.#byTag.get(tag);
    if (will?.state === 'offered') will.state = 'held';
    // CONNACK may tell that a will was due after the disk has let it go.
    this.#findPublished((one) => one.wasStored);
  }

  /** DISCONNECT has come. */
  disconnected(tag: string | undefined): void {
    const will = this.#ofConnection(tag);
    if (will !== undefined) will.state = 'discarded';
  }

  connectionEnded(tag: string | undefined, how: ConnectionEnd, isStopping: boolean, delay: WillDelay): void {
    const will = this.#ofConnection(tag);
    if (will === undefined || how === 'died') return;
    if (will.state === 'offered') {
      will.state = will.wasAdmitted ? 'in doubt' : 'discarded';
      if (will.wasAdmitted) this.#mayBePublished(will, Infinity);
      return;
    }
    const { nowMs, delayMs, lastsMs, takenOverAt, mayBeDeleted } = delay;
    const isDelayed = delayMs > 0 && lastsMs > 0;
    if (isDelayed) will.notBeforeMs = nowMs + Math.min(delayMs, lastsMs);
    will.state = isStopping ? 'after grace' : isDelayed ? 'delayed' : 'due';
    if (isDelayed && (takenOverAt !== undefined || mayBeDeleted)) {
      will.state = 'in doubt';
      will.calledOffAt = takenOverAt;
      will.notBeforeMs = -Infinity;
    }
    this.#mayBePublished(will, isStopping || isDelayed ? Infinity : this.clock.now);
  }

  /** Delays that are over. */
  timePassed(nowMs: number): void {
    for (const one of this.#unpublished) if (one.state === 'delayed' && one.notBeforeMs <= nowMs) one.state = 'due';
  }

  /** An operator ends the session, and with it the delay. */
  sessionMayEnd(client: string): void {
    for (const one of this.#unpublished) {
      if (one.client !== client) continue;
      one.notBeforeMs = -Infinity;
      if (one.state === 'delayed') one.state = 'in doubt';
    }
  }

  /** Whether it may be sent already. */
  isEarly(tag: string, nowMs: number): boolean {
    return (this.#byTag.get(tag)?.notBeforeMs ?? -Infinity) > nowMs;
  }

  /** The broker has died, and the disk holds what is left. @param mayLose whether that may be less than there was. */
  crashed(mayLose: boolean, nowMs: number): void {
    if (mayLose) for (const one of this.#byTag.values()) one.notBeforeMs = -Infinity;
    for (const one of this.#byTag.values()) {
      if (one.state !== 'published' || !this.#isOnDisk(one)) continue;
      // It was published, and a loss of power has undone that.
      one.state = this.#afterCrash(one, nowMs);
      one.publication.undo(false);
      this.#unpublished.push(one);
    }
    for (const one of this.#unpublished) {
      if (!this.#isOnDisk(one)) {
        if (one.state === 'held' || one.state === 'offered') one.state = 'discarded';
        else if (one.state === 'due' || one.state === 'delayed' || one.state === 'after grace') one.state = 'in doubt';
        continue;
      }
      if (one.state === 'held' || one.state === 'due' || one.state === 'delayed')
        one.state = this.#afterCrash(one, nowMs);
      // The broker cannot know after a crash whether CONNACK or DISCONNECT had gone before it.
      else if (one.state === 'discarded' || one.state === 'offered') one.state = 'in doubt';
      this.#mayBePublished(one, Infinity);
    }
  }

  /** The disk has one more batch: wills that are no longer on it have been published. */
  kept(batch: readonly Change[]): void {
    for (const change of batch) {
      const will = change.kind === 'will.put' ? this.#byTag.get(tagOf(change.will.message.payload)) : undefined;
      if (will !== undefined) will.wasStored = true;
    }
    this.#findPublished((one) => one.wasStored);
  }

  /**
   * The disk has all that there is: a will that is due and not on it has been published, even if it never was on it.
   */
  settled(): void {
    this.#findPublished(({ state }) => state === 'due');
  }

  #findPublished(isCandidate: (one: ObservedWill) => boolean): void {
    for (const one of this.#unpublished) {
      if (!isCandidate(one) || (one.state !== 'due' && one.state !== 'after grace') || this.#isOnDisk(one)) continue;
      one.state = 'published';
      const { publication } = one;
      publication.acknowledgedAt = publication.lastEffectAt = this.clock.now;
      publication.certainEffectAt = publication.firstReceivedAt;
      this.onPublished(publication);
    }
    this.#unpublished = this.#unpublished.filter(({ state }) => state !== 'published');
  }

  /** A will that the disk has as due does not wait for its client, unless it has a delay that is not over. */
  #afterCrash({ client }: ObservedWill, nowMs: number): WillState {
    return (this.disk.willDueAtMs.get(client) ?? Infinity) <= nowMs ? 'due' : 'after grace';
  }

  #isOnDisk({ client, publication }: ObservedWill): boolean {
    return this.disk.wills.get(client) === publication.tag;
  }

  /** The will of a connection that has not ended. */
  #ofConnection(tag: string | undefined): ObservedWill | undefined {
    const will = tag === undefined ? undefined : this.#byTag.get(tag);
    return will?.state === 'held' || will?.state === 'offered' ? will : undefined;
  }

  #mayBePublished({ publication }: ObservedWill, lastEffectAt: number): void {
    publication.firstReceivedAt ??= this.clock.now;
    publication.lastEffectAt = lastEffectAt;
  }
}
