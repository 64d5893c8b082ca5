// The lines of a mosquitto.conf and of the files that it includes, in the order in which Mosquitto reads them.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRegularFileSync } from '../../ports/index.js';
import { ConfigError } from '../config-error.js';

const DEPTH_MAX = 10;

export interface ConfLine {
  readonly file: string;
  readonly number: number;
  readonly option: string;
  /** Everything after the option, which may contain spaces. */
  readonly value: string;
}

/** @throws ConfigError if a file or a directory cannot be read. */
export function readConfLines(file: string, depth = 0): ConfLine[] {
  if (depth > DEPTH_MAX) throw new ConfigError([`${file}: includes are nested deeper than ${String(DEPTH_MAX)}`]);
  const text = reading(file, () => readRegularFileSync(file).toString('utf8'));
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return [];
    const [option = '', ...rest] = line.split(/(?<=^\S+)\s+/);
    const own: ConfLine = { file, number: index + 1, option, value: rest.join(' ') };
    if (option !== 'include_dir') return [own];
    return [own, ...confFilesIn(own.value).flatMap((included) => readConfLines(included, depth + 1))];
  });
}

function confFilesIn(directory: string): string[] {
  const names = reading(directory, () => readdirSync(directory));
  return names
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => join(directory, name));
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError([`cannot read ${path}: ${(error as Error).message}`]);
  }
}
