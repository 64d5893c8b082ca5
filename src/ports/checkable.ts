// The hooks of a port with which an adapter says before a start, and while the broker runs, what an operator has to
// know. `hexmq check-config` and a start call the same ones.

/** An adapter that knows more about its options than whether they are valid. */
export interface Checkable {
  /**
   * What a start would fail for now: one sentence each, with what was expected. It opens and changes nothing, and says
   * nothing about what it cannot know.
   */
  problems?(): Promise<readonly string[]>;
  /**
   * What works and will surprise, such as a certificate that ends soon: one sentence each. Called at the start,
   * after a reload, and once a day.
   */
  warnings?(): readonly string[];
}
