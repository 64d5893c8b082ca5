// From mosquitto.conf to a configuration of hexmq.
import { readConfLines } from './conf-lines.js';
import { convert } from './convert.js';
import type { Conversion } from './convert.js';

export type { Conversion, Remark } from './convert.js';

/** @throws ConfigError if the file, or one that it includes, cannot be read. */
export const convertMosquittoConf = (file: string): Conversion => convert(readConfLines(file));
