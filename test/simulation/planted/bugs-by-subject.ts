// The planted bugs that have files of their own, by what they are about.
import { DATE_BUGS } from './date-bugs.js';
import { INTERCEPTOR_BUGS } from './interceptor-bugs.js';
import { OPERATOR_BUGS } from './operator-bugs.js';
import { OVERLOAD_BUGS } from './overload-bugs.js';
import { OWN_MESSAGE_BUGS } from './own-message-bugs.js';
import type { PlantedBug } from './planted-bug.js';
import { REFUSAL_BUGS } from './refusal-bugs.js';
import { VERSION_5_BUGS } from './version-5-bugs.js';

export const BUGS_BY_SUBJECT: readonly PlantedBug[] = [
  ...OPERATOR_BUGS,
  ...OWN_MESSAGE_BUGS,
  ...OVERLOAD_BUGS,
  ...DATE_BUGS,
  ...VERSION_5_BUGS,
  ...REFUSAL_BUGS,
  ...INTERCEPTOR_BUGS,
];
