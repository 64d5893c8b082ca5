// Lets Node run the TypeScript of the tests as it is: `node --import ./test/support/typescript.mjs FILE.ts`.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
