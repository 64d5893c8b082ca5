// The program of the crash contract: commits to the prefix that its argument names, until it is killed.
import { runUntilKilled } from 'hexmq/testkit';
import { createStorage } from '../src/index.js';
import { SERVER } from './store.js';

await runUntilKilled(createStorage({ url: SERVER, prefix: process.argv[2] }));
