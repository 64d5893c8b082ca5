// The library fast-check as a type: it is an argument of the suite that uses it, so that the rest of the kit does not
// need it.

/** The module `fast-check`, imported as a namespace or as its default export. */
export type FastCheck = Omit<typeof import('fast-check'), 'default'>;
