// File storage keeps the first promise whatever happens to the broker.
import { describe } from '@jest/globals';
import { killTests } from './kill/kill-tests.js';
import { fileStorage } from './kill/storage-place.js';

describe('file storage, when the broker is killed', () => {
  killTests(fileStorage);
});
