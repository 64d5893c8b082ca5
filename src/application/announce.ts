// Tells whoever watches.
import type { Notice } from '../domain/notices.js';
import type { LifecycleNotice, Telemetry } from '../ports/telemetry.js';

export function announce(watchers: readonly Telemetry[], notice: Notice | LifecycleNotice): void {
  for (const watcher of watchers) {
    try {
      watcher.notice(notice);
    } catch {
      // A watcher that fails harms only itself: it cannot be told either, it is what would tell.
    }
  }
}
