// The accounts of memory, for docs/metrics.md: what counts for each, and its limit.
export const ACCOUNTS: Readonly<Record<string, readonly [what: string, limit: string]>> = {
  waiting: ['what waits for clients and is not taken', '`maxWaitingBytes`'],
  incomplete: ['packets that have arrived in part', '`maxIncompleteBytes`'],
  unread: ['what has arrived on connections that are not read for the moment', '`maxUnreadBytes`'],
  sessions: ['sessions, wills, and Packet Identifiers that clients have not released', '`maxSessionBytes`'],
  subscriptions: ['subscriptions with their Topic Filters', '`maxSubscriptionBytes`'],
  retained_topics: ['topics with a retained message', '`maxRetainedTopicBytes`'],
  retained_payloads: ['payloads of retained messages, wherever they are stored', '`maxRetainedBytes`'],
  stored_queues: ['stored queues, where the store is in memory', '`maxStoredQueueBytes`'],
  queue_buffers: ['what memory has of stored queues; it is part of `waiting`', ''],
  publisher_packets: ['packets of publishers that wait for a queue', '64 MiB'],
  publications: ['messages that wait behind a large publication', '64 MiB'],
  uncommitted: ['changes that are not durable yet', '128 MiB'],
  lingering: ['output of connections that have ended', '64 MiB'],
};
