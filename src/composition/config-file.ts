// Reads a configuration file: YAML, of which JSON is a subset. It reports why a file cannot be read, or the line and
// column that cannot be parsed.
import { isMap, LineCounter, parseDocument } from 'yaml';
import { readRegularFileSync } from '../ports/index.js';
import { ConfigError } from './config-error.js';

/** @throws ConfigError when the file cannot be read or is not YAML. */
export function readConfigFile(path: string): unknown {
  return parseConfigText(readText(path), path);
}

/** @param path for error messages. @throws ConfigError with the line and column of each syntax error. */
export function parseConfigText(text: string, path: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0 || !isMap(document.contents)) refuseMosquitto(text, path);
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
    // An alias without its anchor, or aliases that would expand to gigabytes.
    throw new ConfigError([`${path}: ${(error as Error).message}`]);
  }
}

/** Options of Mosquitto that most of its configurations begin with. */
const MOSQUITTO_LINE = new RegExp(
  `^(${[
    'acl_file|allow_anonymous|autosave_interval|bind_address|cafile|capath|certfile|connection|global_plugin',
    'include_dir|keyfile|listener|log_dest|log_type|max_connections|max_inflight_messages|max_queued_messages',
    'password_file|per_listener_settings|persistence|persistence_file|persistence_location|pid_file|plugin|port',
    'protocol|require_certificate|user',
  ].join('|')})[ \\t]+\\S.*$`,
  'm',
);

/** The file of another broker is given by mistake more easily than any other, and as YAML it is one long word. */
function refuseMosquitto(text: string, path: string): void {
  const found = MOSQUITTO_LINE.exec(text);
  if (found === null) return;
  const line = text.slice(0, found.index).split('\n').length;
  throw new ConfigError([
    `${path} is a configuration of Mosquitto (line ${line} begins with ${found[1]}), expected YAML; ` +
      'docs/moving-from-mosquitto.md says which key of hexmq takes the place of each option',
  ]);
}

function readText(path: string): string {
  try {
    return readRegularFileSync(path).toString('utf8');
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
