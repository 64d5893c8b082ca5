// What the index of retained messages consists of: an entry for each retained message, and the
// nodes of the tree that lead to it.
import { Deadline } from '../deadlines.js';
import type { TimerKind } from '../deadlines.js';
import type { MessageId, TopicName } from '../identifiers.js';
import { PathNode } from './path-node.js';

export class RetainedEntry {
  /** Set by the owner of the message's expiry; `undefined` if the message does not expire. */
  readonly expiry: Deadline<RetainedEntry> | undefined;

  constructor(
    readonly topic: TopicName,
    readonly id: MessageId,
    /** Of the payload. */
    readonly bytes: number,
    readonly expiresAtMs: number | undefined,
    expiryTimer: TimerKind<RetainedEntry>,
  ) {
    this.expiry = expiresAtMs === undefined ? undefined : new Deadline<RetainedEntry>(expiryTimer, this);
  }
}

/** A node of the index. */
export class RetainedNode extends PathNode<RetainedNode> {
  entry: RetainedEntry | undefined = undefined;

  override get isMarked(): boolean {
    return this.entry !== undefined;
  }

  override create(label: string): RetainedNode {
    return new RetainedNode(label);
  }

  override takeFrom({ entry }: RetainedNode): void {
    this.entry = entry;
  }

  override unmark(): void {
    this.entry = undefined;
  }
}
