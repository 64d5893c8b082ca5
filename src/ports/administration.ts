// The administration port: how an operator, or a program in the operator's name, looks at a running broker and changes
// it. It is a driving port. The endpoints (a Unix socket, HTTP), the program that embeds the broker, and plugins call
// the same operations, which are described as data: an endpoint needs to know none of them. What a call costs is
// bounded here; who the caller is, an endpoint finds out.
import type { Checkable } from './checkable.js';
import type { Reloadable } from './reloadable.js';
import { brand } from './branded.js';

/** What a caller may do: `write` includes `read`. */
export type AdministrationRole = 'read' | 'write';

/** In whose name an operation is called. */
export interface Actor {
  /** For the event that each command causes. */
  readonly name: string;
  readonly role: AdministrationRole;
}

/** One operation, described for endpoints and for documentation. */
export interface OperationDescription {
  /** Lower case, with hyphens. */
  readonly name: string;
  /** A query changes nothing and may be repeated. */
  readonly kind: 'query' | 'command';
  /** What the caller needs. */
  readonly role: AdministrationRole;
  /** One sentence. */
  readonly summary: string;
  /** JSON Schema (2020-12) of the request, an object. */
  readonly request: JsonSchema;
  /** JSON Schema of the answer. */
  readonly answer: JsonSchema;
}

/** One stream of records, described for endpoints and for documentation. */
export interface StreamDescription {
  /** Lower case, with hyphens. */
  readonly name: string;
  /** What the caller needs. */
  readonly role: AdministrationRole;
  /** One sentence. */
  readonly summary: string;
  /** JSON Schema (2020-12) of the request, an object. */
  readonly request: JsonSchema;
  /** JSON Schema of each record, an object. */
  readonly record: JsonSchema;
}

/**
 * Records as they come, for one reader. What the reader does not take waits within bounds; records beyond them are
 * left out, and one that says how many (`stream-overflow`) is in their place. The last record says why the stream has
 * ended (`stream-ended`), unless the reader closed it.
 */
export interface RecordStream extends AsyncIterable<object> {
  /** Ends it: nothing is collected for it any more, and what waits is not read. */
  close(): void;
}

/** A schema as JSON has it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Metrics in the text format of Prometheus. */
export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}

/** The operations and streams of one running broker. */
export interface Administration {
  readonly operations: ReadonlyMap<string, OperationDescription>;
  readonly streams: ReadonlyMap<string, StreamDescription>;
  /** Operations and streams as an OpenAPI document, as endpoints for HTTP serve them. */
  readonly openApi: object;
  /** As Prometheus takes them; the operation `metrics` has the same as JSON. */
  metrics(): Promise<MetricsText>;
  /**
   * @returns the answer, as plain data that JSON can hold. Instants are strings in RFC 3339.
   * @throws AdministrationError (as a rejection), and nothing else that a caller could cause.
   */
  call(operation: string, request: unknown, actor: Actor): Promise<unknown>;
  /**
   * Opens a stream, which takes resources of the broker until it ends or is closed.
   * @throws AdministrationError (as a rejection), and nothing else that a caller could cause.
   */
  open(stream: string, request: unknown, actor: Actor): Promise<RecordStream>;
  /**
   * Begins a copy of everything that the broker stores, as of one moment: all that was acknowledged before the call is
   * in it. Needs the role `write`. One backup runs at a time, and ends when its text has been read to the end, when
   * the reading stops, when the reader takes nothing for 30 seconds, or when it has kept the backup waiting for ten
   * minutes in all.
   * @param given aborted by a caller that has no use for the backup any more.
   * @throws AdministrationError (as a rejection)
   */
  backup(actor: Actor, given?: AbortSignal): Promise<Backup>;
}

/** A backup under way. */
export interface Backup {
  /**
   * The text in the export format, a part at a time. What is cut off has no last line, which says that it is complete.
   * @throws AdministrationError if the backup cannot be completed.
   */
  readonly text: AsyncIterable<string>;
  /** Aborted, with an AdministrationError, when the backup ends before its end; also while its reader is busy. */
  readonly ended: AbortSignal;
}

/** Why an operation was not carried out. */
export type AdministrationErrorKind =
  /** There is no such operation or stream. */
  | 'unknown-operation'
  /** The request does not fit the operation: see `problems`. */
  | 'invalid'
  /** The caller's role does not allow it. */
  | 'forbidden'
  /** There is no such client, session or message. */
  | 'not-found'
  /** A cursor has been used already, or was not used for too long. */
  | 'gone'
  /** A limit of the broker forbids it. */
  | 'refused'
  /** Too much is asked for at once: later it may work. */
  | 'busy'
  /** The broker, or its storage, cannot answer now. */
  | 'unavailable';

/** A part of a request that is wrong. */
export interface RequestProblem {
  /** The name of the parameter, with dots between levels; empty for the request as a whole. */
  readonly parameter: string;
  /** What is wrong and what is expected. */
  readonly detail: string;
}

/** An operation that was not carried out, with what was wrong and what was expected. */
export class AdministrationError extends Error {
  override readonly name = 'AdministrationError';

  static {
    brand(this, 'AdministrationError');
  }

  constructor(
    readonly kind: AdministrationErrorKind,
    message: string,
    readonly problems: readonly RequestProblem[] = [],
  ) {
    super(message);
  }
}

/** What came of a reload that an operator asked for. */
export interface ReloadResult {
  /** One sentence for each part that could not reload. */
  readonly problems: readonly string[];
  /** Keys that have changed and are only read at a start. */
  readonly restartNeeded: readonly string[];
}

/** An endpoint to the administration: it opens last and closes first, so the broker runs whenever it is open. */
export interface AdministrationEndpoint extends Checkable, Reloadable {
  /** For events and error messages. */
  readonly name: string;
  /**
   * @returns where it listens, for humans; `undefined` if it could not open and is not needed, which it has reported.
   * @throws Error that says what to do.
   */
  open(administration: Administration): Promise<string | undefined>;
  close(): Promise<void>;
}
