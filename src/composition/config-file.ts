// Reads a configuration file: YAML, of which JSON is a part. It says where a file cannot be read or parsed; what the keys mean is `config.ts`'s.
import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { ConfigError } from './config-error.js';

/** @throws ConfigError */
export function readConfigFile(path: string): unknown {
  return parseConfigText(readText(path), path);
}

export function parseConfigText(text: string, path: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map(({ message, pos: [start] }) => {
        const { line, col } = lines.linePos(start);
        return `${path}, line ${line}, column ${col}: ${message}`;
      }),
    );
  }
  try {
    return document.toJS();
  } catch (error) {
    // An alias without its anchor, or aliases that would unfold to gigabytes.
    throw new ConfigError([`${path}: ${(error as Error).message}`]);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([
      `cannot read the configuration file ${path}: ${explainReadError(error as NodeJS.ErrnoException)}`,
    ]);
  }
}

function explainReadError(error: NodeJS.ErrnoException): string {
  switch (error.code ?? '') {
    case 'ENOENT':
      return 'there is no such file; check --config';
    case 'EACCES':
      return 'not permitted; let the user who runs hexmq read it';
    case 'EISDIR':
      return 'it is a directory, expected a YAML file';
    default:
      return error.message;
  }
}
