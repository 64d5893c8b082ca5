// The version of this package.
import { createRequire } from 'node:module';

export const VERSION = (createRequire(import.meta.url)('hexmq/package.json') as { version: string }).version;
