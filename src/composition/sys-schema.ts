// The section `sys` of a configuration: what the broker says of itself below $SYS/broker/.
import * as z from 'zod';
import { EVENT_NAMES } from '../ports/index.js';
import type { EventLevel } from '../ports/index.js';
import { expected, integer } from './config-values.js';

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const satisfies EventLevel[];
const CHOSEN =
  'the name of an event such as client-connected (docs/events.md), or a level: ' +
  `${LEVELS.slice(0, -1).join(', ')} or ${LEVELS.at(-1)}`;

const shape = {
  intervalS: integer(0, 86_400, ' (seconds; 0: no values)').optional(),
  events: z
    .array(
      z.enum([...LEVELS, ...EVENT_NAMES], expected(CHOSEN)),
      expected('a list of names of events and levels, such as [client-connected, warn]'),
    )
    .max(LEVELS.length + EVENT_NAMES.length, expected('each event once'))
    .optional(),
};

export const sysSchema = z.strictObject(shape, expected('a mapping, such as { intervalS: 10 }'));

export const SYS_KEYS = Object.keys(shape);
