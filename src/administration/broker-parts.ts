// What the administration needs of the broker that it administers.
import type {
  AckLevel,
  Backup,
  BrokerControl,
  BrokerEvent,
  Clock,
  LifecycleEvent,
  LogLevel,
  Measures,
  ReloadResult,
  Storage,
} from '../ports/index.js';

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

export interface BrokerParts {
  readonly control: BrokerControl;
  readonly storage: Pick<Storage, 'traits' | 'readQueue' | 'readRetained'>;
  readonly storageState: StorageState;
  readonly uncommittedChanges: () => number;
  readonly measure: () => Measures;
  readonly ackLevel: AckLevel;
  /** By listener; as in the configuration, with `undefined` for `off`. */
  readonly limits: { readonly current: object; readonly perListener: ReadonlyMap<string, object> };
  readonly addresses: ReadonlyMap<string, string>;
  /** The names of those that have to be open. */
  readonly listeners: readonly string[];
  readonly reload: () => Promise<ReloadResult>;
  readonly backups: {
    /** @throws AdministrationError */
    begin(actor: string, given?: AbortSignal): Promise<Backup>;
    stop(): Promise<void>;
  };
  readonly levels: readonly LevelControl[];
  /** Calls back for each event from now on. @returns ends that. */
  readonly events: { follow(follower: (event: BrokerEvent | LifecycleEvent) => void): () => void };
  /** Whether events say which user a client gave. */
  readonly userNames: boolean;
  readonly version: string;
  readonly clock: Clock;
  readonly emit: (event: BrokerEvent | LifecycleEvent) => void;
}
