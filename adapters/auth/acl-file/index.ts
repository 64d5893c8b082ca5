// The adapter `acl-file`: rules from a file in the format of Mosquitto's `acl_file`. The file is read at start and on
// reload; a file that cannot be read or is invalid leaves the rules unchanged.
import { basename } from 'node:path';
import { expandRules, hasPlaceholder, OptionReader, readRegularFile, readRegularFileSync } from 'hexmq/ports';
import type { AccessRule, AuthorizationRequest, Authorizer, Permissions } from 'hexmq/ports';
import { parseAclFile } from './parse.js';
import type { AclFile } from './parse.js';

/** @throws TypeError that names the option and what was expected; Error that names every invalid line of the file. */
export function createAuthorizer(options: unknown): Authorizer {
  const read = new OptionReader(options);
  const { path } = read.readAll({ path: () => read.requireString('path', 'the path of a file') });
  return new AclFileAuthorizer(path);
}

const NO_RULES: readonly AccessRule[] = [];

export class AclFileAuthorizer implements Authorizer {
  readonly name = 'acl-file';
  readonly #path: string;
  #text: string;
  #file: AclFile;
  /**
   * By the rules of a user. Without placeholders in the patterns, clients of one user get the same object, so that the
   * broker compiles it once.
   */
  #shared = new Map<readonly AccessRule[], Permissions>();
  readonly #listeners: (() => void)[] = [];

  constructor(path: string) {
    this.#path = path;
    try {
      this.#text = decode(readRegularFileSync(path));
    } catch (error) {
      throw readError(path, error);
    }
    this.#file = parseAclFile(this.#text, path, basename(path));
  }

  authorize({ clientId, userName }: AuthorizationRequest): Permissions {
    const { users, patterns } = this.#file;
    const own = users.get(userName) ?? NO_RULES;
    if (patterns.some(({ topicFilter }) => hasPlaceholder(topicFilter))) {
      const { rules, defaultEffect } = expandRules(patterns, { clientId, userName });
      return { kind: 'rules', rules: [...own, ...rules], defaultEffect };
    }
    let permissions = this.#shared.get(own);
    if (permissions === undefined)
      this.#shared.set(own, (permissions = { kind: 'rules', rules: [...own, ...patterns] }));
    return permissions;
  }

  async reload(): Promise<void> {
    let text: string;
    try {
      text = decode(await readRegularFile(this.#path));
    } catch (error) {
      throw readError(this.#path, error);
    }
    const file = parseAclFile(text, this.#path, basename(this.#path));
    if (text === this.#text) return;
    this.#text = text;
    this.#file = file;
    this.#shared = new Map();
    for (const changed of this.#listeners) changed();
  }

  watch(changed: () => void): void {
    this.#listeners.push(changed);
  }
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

function readError(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new Error(`there is no file ${path}, expected an ACL file`, { cause: error });
  const problem = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : message;
  return new Error(`cannot read ${path}: ${problem}`, { cause: error });
}
