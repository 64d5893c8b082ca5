// Rules from a file in Mosquitto's syntax: what each user may do, and patterns for everyone. The file is read when the authorizer is made, and again
// when it is told to; one that cannot be read or is wrong leaves the rules as they were.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { hasPlaceholder, expandRules } from 'hexmq/ports';
import type { AccessRule, AuthorizationRequest, Authorizer, Permissions } from 'hexmq/ports';
import { parseAclFile } from './parse.js';
import type { AclFile } from './parse.js';

export interface AclFileOptions {
  readonly path: string;
}

/** @throws Error naming the option, or the lines of the file, that are wrong. */
export function createAuthorizer(options: Readonly<Record<string, unknown>>): Authorizer {
  const { path, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new Error(`unknown option ${unknown}, expected path`);
  if (typeof path !== 'string' || path === '') throw new Error('path is missing, expected the name of a file');
  return new AclFileAuthorizer({ path });
}

const NO_RULES: readonly AccessRule[] = [];

export class AclFileAuthorizer implements Authorizer {
  readonly name = 'acl-file';
  readonly #path: string;
  #text: string;
  #file: AclFile;
  /** By the rules of a user, where no pattern makes a difference between clients: all who have the same share what is made of them. */
  #shared = new Map<readonly AccessRule[], Permissions>();
  readonly #watchers: (() => void)[] = [];

  constructor({ path }: AclFileOptions) {
    this.#path = path;
    try {
      this.#text = decoded(readFileSync(path));
    } catch (error) {
      throw unreadable(path, error);
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
    const text = await readFile(this.#path)
      .then(decoded)
      .catch((error: unknown) => {
        throw unreadable(this.#path, error);
      });
    const file = parseAclFile(text, this.#path, basename(this.#path));
    if (text === this.#text) return;
    this.#text = text;
    this.#file = file;
    this.#shared = new Map();
    for (const changed of this.#watchers) changed();
  }

  watch(changed: () => void): void {
    this.#watchers.push(changed);
  }
}

const decoded = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

function unreadable(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new Error(`there is no file ${path}, expected an ACL file`, { cause: error });
  return new Error(
    `cannot read ${path}: ${code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : message}`,
    { cause: error },
  );
}
