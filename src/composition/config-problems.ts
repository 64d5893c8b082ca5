// What is wrong with a configuration, collected so that all of it is reported at once.
import { ConfigError } from './config-error.js';
import { formatPath } from './config-path.js';
import { keysAt, keysOfListener, LISTENER_TYPES, redactCredentials } from './config-schema.js';
import type { Override } from './config-override.js';
import { remainderOf } from './remainder.js';
import { suggestion } from './nearest.js';

/** What the schema reports. */
interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

/** Collects problems, one for each place: the first is the most specific. */
export class ConfigProblems {
  readonly #found = new Map<string, string>();
  readonly #paths: (readonly PropertyKey[])[] = [];
  readonly #sources = new Map<string, string>();

  constructor(overrides: readonly Override[]) {
    for (const { path, source } of overrides) this.#sources.set(formatPath(path), source);
  }

  add(path: readonly PropertyKey[], problem: string): void {
    const place = redactCredentials(formatPath(path));
    this.#paths.push(path);
    if (!this.#found.has(place))
      this.#found.set(place, `${this.#sourceOf(path) ?? (place || 'the configuration')}: ${problem}`);
  }

  /** A problem that the schema has found. */
  addIssue(issue: Issue): void {
    if (issue.code !== 'unrecognized_keys') {
      this.add(issue.path, issue.message);
      return;
    }
    for (const key of issue.keys ?? []) {
      const others =
        issue.path[0] === 'listeners' && issue.path.length === 2
          ? LISTENER_TYPES.filter((type) => keysOfListener(type).includes(key))
          : [];
      const remark =
        others.length > 0 ? `, only ${others.join(', ')} listeners have it` : suggestion(key, keysAt(issue.path));
      this.add([...issue.path, key], `unknown key${remark}`);
    }
  }

  /** The flag or variable that set the value or something around it. */
  #sourceOf(path: readonly PropertyKey[]): string | undefined {
    for (let length = path.length; length > 0; length--) {
      const source = this.#sources.get(formatPath(path.slice(0, length)));
      if (source !== undefined) return source;
    }
    return undefined;
  }

  throwIfAny(config: unknown): void {
    if (this.#found.size === 0) return;
    throw new ConfigError([...this.#found.values()], remainderOf(config, this.#paths));
  }
}
