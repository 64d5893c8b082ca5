// The driver's client, with the settings that this adapter relies on.
import { MongoClient } from 'mongodb';
import type { MongoClientOptions } from 'mongodb';
import { FLUSHED } from './journal.js';

/**
 * How long a request may take if the server accepts connections and does not answer. Longer than a write concern waits.
 */
const REQUEST_MS_MAX = 15_000;
/** For the bounds of all queues, which are one request that takes long in a large store. */
export const LOAD_REQUEST_MS_MAX = 10 * 60_000;

const OPTIONS: MongoClientOptions = {
  appName: 'hexmq',
  /** How long to look for a server that accepts writes. */
  serverSelectionTimeoutMS: 5_000,
  connectTimeoutMS: 5_000,
  /**
   * A server that misses a heartbeat for `connectTimeoutMS` has its requests given up, so a partition is noticed within
   * seconds.
   */
  heartbeatFrequencyMS: 2_000,
  maxPoolSize: 16,
  waitQueueTimeoutMS: 10_000,
  writeConcern: FLUSHED,
  readPreference: 'primary',
  /**
   * This adapter resends requests, and recognises those that were carried out, by itself: not every server can do it.
   */
  retryWrites: false,
  retryReads: false,
  promoteBuffers: true,
  ignoreUndefined: true,
};

export const clientFor = (url: string, requestMsMax = REQUEST_MS_MAX): MongoClient =>
  new MongoClient(url, { ...OPTIONS, socketTimeoutMS: requestMsMax });
