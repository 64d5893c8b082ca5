// The order of what happens in a run. Every observation gets the next number, so that "before" and "after" are plain
// comparisons even when the virtual time stands still.

export class LogicalClock {
  now = 0;

  tick(): number {
    return ++this.now;
  }
}
