// What the administration needs of the broker that it administers.
import type {
  AccessAction,
  AccessRule,
  AckLevel,
  Backup,
  BrokerControl,
  BrokerEvent,
  Clock,
  HistogramReading,
  LifecycleEvent,
  LogLevel,
  Measures,
  ReloadResult,
  Storage,
} from '../ports/index.js';
import type { OwnedOperation } from './plugin-operations.js';

/** Whether the operations on storage succeed. */
export interface StorageState {
  readonly isWriting: boolean;
  readonly isReading: boolean;
  /** Of the last attempt that failed. */
  readonly error: string | undefined;
}

/** An observer of events that has levels, such as the log. */
export interface LevelControl {
  level: LogLevel;
}

/** How a listener is reached, besides its address. */
export interface ListenerKind {
  readonly type: string;
  /** Of the URL; only for WebSocket. */
  readonly path?: string;
}

export interface AccessQuestion {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly action: AccessAction;
  /** A Topic Name; for `subscribe` a Topic Filter. */
  readonly topic: string;
}

/** What the access rules say to a question, and why. */
export interface AccessExplanation {
  readonly isAllowed: boolean;
  readonly rule?: AccessRule | undefined;
  readonly reason?: string | undefined;
  readonly skippedRules: readonly { readonly rule: AccessRule; readonly reason: string }[];
  readonly delivery: readonly AccessRule[];
  readonly deliveryDefault: 'allow' | 'deny' | undefined;
}

/** A metric that is not in the table of the broker. */
export interface ExtraMetric {
  readonly name: `hexmq_${string}`;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  read(): readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[] | HistogramReading;
}

export interface BrokerParts {
  readonly control: BrokerControl;
  readonly storage: Pick<Storage, 'traits' | 'readQueue' | 'readRetained'>;
  readonly storageState: StorageState;
  readonly uncommittedChanges: () => number;
  readonly measure: () => Measures;
  readonly ackLevel: AckLevel;
  /** The name of the adapter. */
  readonly storageAdapter: string;
  /** By listener; as in the configuration, with `undefined` for `off`. */
  readonly limits: { readonly current: object; readonly perListener: ReadonlyMap<string, object> };
  readonly addresses: ReadonlyMap<string, string>;
  /** Those that have to be open, by name. */
  readonly listenerKinds: ReadonlyMap<string, ListenerKind>;
  /** @throws AdministrationError (as a rejection) if the topic is not valid or an authorizer fails. */
  readonly explain: (question: AccessQuestion) => Promise<AccessExplanation>;
  readonly reload: () => Promise<ReloadResult>;
  readonly backups: {
    /** @throws AdministrationError */
    begin(actor: string, given?: AbortSignal): Promise<Backup>;
    stop(): Promise<void>;
  };
  readonly pluginOperations: readonly OwnedOperation[];
  readonly pluginMetrics: () => Iterable<ExtraMetric>;
  readonly levels: readonly LevelControl[];
  /** Calls back for each event from now on. @returns ends that. */
  readonly events: { follow(follower: (event: BrokerEvent | LifecycleEvent) => void): () => void };
  /** Whether events say which user a client gave. */
  readonly userNames: boolean;
  readonly version: string;
  readonly clock: Clock;
  readonly emit: (event: BrokerEvent | LifecycleEvent) => void;
}
