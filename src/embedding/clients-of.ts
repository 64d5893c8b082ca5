// The port of clients of a broker that may not be there: each call finds out.
import type { Clients } from '../ports/index.js';

/** @param now gives the port of the broker that runs, or throws. */
export const clientsOf = (now: () => Clients): Clients => ({
  list: (selection) => now().list(selection),
  get: async (clientId) => now().get(clientId),
  disconnect: async (clientId, options) => now().disconnect(clientId, options),
  counts: async () => now().counts(),
  sessions: {
    list: (selection) => now().sessions.list(selection),
    get: async (clientId) => now().sessions.get(clientId),
    delete: async (clientId) => now().sessions.delete(clientId),
  },
  retained: {
    list: (topicFilter) => now().retained.list(topicFilter),
    get: async (topic) => now().retained.get(topic),
    delete: async (topic) => now().retained.delete(topic),
  },
});
