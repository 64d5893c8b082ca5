// How long a batch may occupy the event loop: work on many keys or changes is cut into chunks, with a turn of the event
// loop between them.

/** Keys in one read, or changes applied in one go. */
export const CHUNK = 1024;

export const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
