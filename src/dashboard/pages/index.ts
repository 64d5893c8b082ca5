// The pages, by their name in the URL.
import type { ComponentType } from 'preact';
import { Access } from './access.js';
import { Clients } from './clients.js';
import { Console } from './console.js';
import { Events } from './events.js';
import { Overview } from './overview.js';
import type { PageProps } from './page-props.js';
import { Queues } from './queues.js';
import { Retained } from './retained.js';
import { Session } from './session.js';
import { Sessions } from './sessions.js';
import { Storage } from './storage.js';
import { Trace } from './trace.js';

interface Entry {
  readonly route: string;
  readonly View: ComponentType<PageProps>;
  /** The entry of the navigation that it belongs to, if not its own. */
  readonly under?: string;
}

export const PAGES: readonly Entry[] = [
  { route: 'overview', View: Overview },
  { route: 'clients', View: Clients },
  { route: 'sessions', View: Sessions },
  { route: 'session', View: Session, under: 'sessions' },
  { route: 'queues', View: Queues },
  { route: 'retained', View: Retained },
  { route: 'trace', View: Trace },
  { route: 'events', View: Events },
  { route: 'storage', View: Storage },
  { route: 'access', View: Access },
  { route: 'console', View: Console },
];
