// hexmq/ports: all that an adapter needs to know of hexmq. What is exported here is public and versioned.
export { formatAddress, plainAddress, UNIX_PATH_BYTES_MAX } from './address.js';
export { AdministrationError } from './administration.js';
export type {
  Actor,
  Administration,
  AdministrationEndpoint,
  AdministrationErrorKind,
  AdministrationRole,
  Backup,
  JsonSchema,
  MetricsText,
  OperationDescription,
  RecordStream,
  ReloadResult,
  RequestProblem,
  StreamDescription,
} from './administration.js';
export type { BrokerControl, TracedStep, TraceObserver } from './control.js';
export type { AccountReading, ByWord, FlowReading, HistogramReading, Measures, MessageFlow } from './measures.js';
export { Clock } from './clock.js';
export type { Timer } from './clock.js';
export { Random } from './random.js';
export { Storage, StorageError } from './storage.js';
export type {
  AckLevel,
  Durability,
  StorageErrorKind,
  StorageReader,
  StorageSnapshot,
  StorageTraits,
} from './storage.js';
export { Listener, NetworkError } from './network.js';
export type { IncomingConnection, ConnectionHandler, Channel, ChannelHandler } from './network.js';
export { Authenticator, Authorizer } from './auth.js';
export { expandRules, hasPlaceholder, topicFilterProblem } from './access-rules.js';
export type { RuleSubject } from './access-rules.js';
export type {
  AuthenticatorAnswer,
  AuthorizationRequest,
  Exchange,
  ExchangeAnswer,
  ExchangeRequest,
  RequestContext,
} from './auth.js';
export { BrokerEvents, EventListener } from './broker-events.js';
export type { EventListenerOptions, EventOf, EventSubscription } from './broker-events.js';
export { Clients } from './clients.js';
export type {
  ClientCounts,
  ClientSelection,
  ClientSession,
  ConnectedClient,
  RetainedMessage,
  RetainedTopic,
} from './clients.js';
export { Connections } from './connections.js';
export type { ByteStream, HandOverOptions } from './connections.js';
export { Messaging } from './messaging.js';
export type {
  InProcessSubscribeOptions,
  InProcessSubscription,
  MessageProperties,
  OutgoingMessage,
  PublishResult,
  Receive,
  ReceivedMessage,
} from './messaging.js';
export { Interceptor } from './interceptor.js';
export type { DeliveredMessage } from './interceptor.js';
export type {
  ClientView,
  ConnectRequest,
  DeliveryVerdict,
  Denial,
  PublishRequest,
  SubscribeRequest,
  UnsubscribeRequest,
  VerdictOf,
} from '../domain/interception/verdict.js';
export type { Checkable } from './checkable.js';
export type { Reloadable } from './reloadable.js';
export { Startable } from './startable.js';
export { Operations, PluginInfo, PluginLogger, Scheduler } from './services.js';
export type { LogFields } from './services.js';
export { PluginOperation } from './plugin-operation.js';
export { MetricsRegistry } from './metrics-registry.js';
export type { Counter, Distribution, Gauge, MetricLabels } from './metrics-registry.js';
export { Telemetry } from './telemetry.js';
export type { HandshakeFailure, LifecycleEvent, LogLevel } from './telemetry.js';
export { EVENT_NAMES } from './event-names.js';
export type { EventName } from './event-names.js';
export { burstOf, describeEvent, levelOf } from './event-messages.js';
export type { EventLevel } from './event-messages.js';
export { port } from './token.js';
export { OptionReader } from './option-reader.js';
export type { NumberRange } from './option-reader.js';
export { readRegularFile, readRegularFileSync } from './regular-file.js';
export { readPermissions } from './permission-data.js';

export type { AccessAction, AccessRule, Permissions } from '../domain/access/permissions.js';
export type {
  Change,
  QueueAppend,
  QueuedMessage,
  RestoredFact,
  SessionRecord,
  SubscriptionRecord,
  WillRecord,
} from '../domain/changes.js';
export type { Command, CommandOutcome, OperatorMessage } from '../domain/commands.js';
export type { Cursor, Page } from '../domain/cursor.js';
export type {
  Answers,
  ByClientId,
  ConnectionView,
  Counts,
  DeliveryCounts,
  Paged,
  Query,
  QueryKind,
  QueryParameters,
  QueuedMessageView,
  QueuedView,
  QueueView,
  RecipientView,
  RetainedView,
  SessionView,
  SharedGroupView,
  SharedQueueView,
  SubscriptionView,
  WillView,
} from '../domain/queries.js';
export type { TracedAnswer, TraceStep, TraceStepName, TraceSubject } from '../domain/trace-step.js';
export type { PeerCertificate, PeerInfo } from '../domain/peer.js';
export type { Message, MessageDraft } from '../domain/messages/message.js';
export type { AuthenticationRequest, PageLimit } from '../domain/effects.js';
export type { StoredEntry } from '../domain/inputs.js';
export type { ClientId, ConnectionId, MessageId, QueueId, Seq, TopicFilter, TopicName } from '../domain/identifiers.js';
export type { BrokerEvent } from '../domain/events.js';
export type { DropReason, EndReason, RefusalReason } from '../domain/reasons.js';
export type { Properties, ProtocolVersion, QoS } from '../protocol/packets.js';
export { ReasonCode } from '../protocol/reason-codes.js';
export { UserProperties } from '../protocol/user-properties.js';
export type { UserProperty } from '../protocol/user-properties.js';
