// How loud each event is, how many of its like are worth a line, and what it is called. Nothing here writes.
import type { EndReason, LifecycleEvent, BrokerEvent } from 'hexmq/ports';

export type EventLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Lines of one kind and reason in ten seconds, where a client can cause as many as it likes. */
const CLIENT_CAUSED_BURST = 20;

export function levelOf(event: BrokerEvent | LifecycleEvent): EventLevel {
  switch (event.kind) {
    case 'client-connected':
    case 'listening':
    case 'listener-reloaded':
    case 'ready':
    case 'stopping':
    case 'stopped':
    // Whoever scans a port or asks whether it is open causes them.
    case 'handshake-failed':
    case 'reloaded':
    case 'permissions-renewed':
      return 'info';
    case 'connection-ended':
      return isOrdinary(event.reason) ? 'info' : 'warn';
    case 'connection-refused':
    case 'publish-denied':
    case 'subscribe-denied':
    case 'retained-limited':
    case 'storage-recovered':
    case 'authenticator-passed-over':
    case 'attempts-slowed':
    case 'close-failed':
    case 'changes-abandoned':
    case 'restart-needed':
    case 'signal-ignored':
      return 'warn';
    case 'message-dropped':
      // Neither is a fault: nobody had asked for the message, or nobody had asked to have it kept.
      if (event.reason === 'no-subscriber' || event.reason === 'client-offline') return 'debug';
      // Who subscribes to more than it may receive is served with less: that is what the rules are for.
      return event.reason === 'not-authorized' ? 'info' : 'warn';
    case 'will-published':
      return 'debug';
    case 'session-ended':
      return event.reason === 'expired' || event.reason === 'administrative' ? 'info' : 'debug';
    case 'listener-reload-failed':
    case 'storage-failing':
    case 'reload-failed':
    case 'permissions-kept':
      return 'error';
    case 'fatal':
      return 'fatal';
  }
}

/** Infinity: every one. */
export function burstOf(event: BrokerEvent | LifecycleEvent): number {
  switch (event.kind) {
    case 'message-dropped':
      return 1;
    case 'connection-refused':
    case 'handshake-failed':
    case 'publish-denied':
    case 'subscribe-denied':
    case 'retained-limited':
    case 'authenticator-passed-over':
    case 'attempts-slowed':
    case 'permissions-kept':
      return CLIENT_CAUSED_BURST;
    case 'connection-ended':
      return isOrdinary(event.reason) ? Infinity : CLIENT_CAUSED_BURST;
    case 'client-connected':
    case 'will-published':
    case 'session-ended':
    case 'listening':
    case 'listener-reloaded':
    case 'listener-reload-failed':
    case 'ready':
    case 'stopping':
    case 'stopped':
    case 'changes-abandoned':
    case 'close-failed':
    case 'reloaded':
    case 'reload-failed':
    case 'restart-needed':
    case 'signal-ignored':
    case 'permissions-renewed':
    case 'fatal':
    // `Outages` has decided which are worth a line.
    case 'storage-failing':
    case 'storage-recovered':
      return Infinity;
  }
}

export function describeEvent(event: BrokerEvent | LifecycleEvent): string {
  switch (event.kind) {
    case 'client-connected':
      return 'client connected';
    case 'connection-refused':
      return 'connection refused';
    case 'handshake-failed':
      return 'connection refused before MQTT';
    case 'connection-ended':
      return 'connection ended';
    case 'publish-denied':
      return 'publish denied';
    case 'subscribe-denied':
      return 'subscription denied';
    case 'message-dropped':
      return 'message dropped';
    case 'retained-limited':
      return 'a subscription matches more retained messages than it gets';
    case 'will-published':
      return 'will published';
    case 'session-ended':
      return 'session ended';
    case 'listening':
      return 'listening';
    case 'listener-reloaded':
      return 'the listener uses the certificates that have changed';
    case 'listener-reload-failed':
      return 'the listener goes on with the certificates that it had';
    case 'ready':
      return 'ready';
    case 'stopping':
      return 'stopping';
    case 'stopped':
      return 'stopped';
    case 'storage-failing':
      if (event.operation === 'read') return 'the storage does not give back what was stored; who is to get it waits';
      return event.storageErrorKind === 'full'
        ? 'the storage has no space for what must be stored; acknowledgements wait'
        : 'the storage does not take what must be stored; acknowledgements wait';
    case 'storage-recovered':
      return event.operation === 'read'
        ? 'the storage gives back what was stored again'
        : 'the storage takes what must be stored again';
    case 'authenticator-passed-over':
      return 'an authenticator failed, and the next one was asked';
    case 'attempts-slowed':
      return 'logins failed too often; the next ones are answered late';
    case 'close-failed':
      return 'an authenticator or authorizer could not be closed';
    case 'changes-abandoned':
      return 'the storage has not taken everything, and the broker stops all the same';
    case 'reloaded':
      return 'reloaded';
    case 'reload-failed':
      return 'not reloaded; what there was goes on';
    case 'restart-needed':
      return 'changed in the configuration, and only read at a start';
    case 'signal-ignored':
      return 'this signal has no meaning here; SIGTERM stops the broker, SIGHUP has it reload';
    case 'permissions-renewed':
      return 'what clients may do was asked anew';
    case 'permissions-kept':
      return 'what the client may do now could not be found out; it may do what it might before';
    case 'fatal':
      return 'the broker has to stop';
  }
}

/** Ends that a healthy network brings every day. */
function isOrdinary(reason: EndReason): boolean {
  switch (reason) {
    case 'client-disconnect':
    case 'connection-lost':
    case 'keep-alive-timeout':
    case 'session-taken-over':
    case 'server-shutting-down':
    case 'administrative-action':
    // It follows a event of the refusal, which has the reason.
    case 'connection-refused':
      return true;
    case 'malformed-packet':
    case 'protocol-violation':
    case 'connect-timeout':
    case 'authentication-timeout':
    case 'credentials-expired':
    case 'storage-unavailable':
    case 'not-authorized':
    case 'topic-name-invalid':
    case 'topic-filter-invalid':
    case 'incomplete-packets':
    case 'drain-timeout':
    case 'receive-maximum-exceeded':
    case 'topic-alias-invalid':
    case 'subscription-identifiers-not-supported':
    case 'qos-not-supported':
    case 'retain-not-supported':
      return false;
  }
}
