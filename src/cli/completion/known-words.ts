// Words that options and parameters take and that commander does not check, because the configuration does.
import { LOG_LEVELS } from '../../administration/schemas.js';
import { STORAGE_ADAPTERS } from '../../composition/adapter-table.js';
import type { KnownWords } from './command-tree.js';

export const KNOWN_WORDS: KnownWords = {
  '--storage': Object.keys(STORAGE_ADAPTERS),
  '--ack-level': ['received', 'stored', 'flushed'],
  '--log-level': LOG_LEVELS,
  'hexmq log-level [level]': LOG_LEVELS,
  // The names of actions, which stand in the place of a name.
  'hexmq session <client id>': ['delete'],
  'hexmq queue <client id>': ['purge'],
  'hexmq retained [filter]': ['get', 'delete'],
};
