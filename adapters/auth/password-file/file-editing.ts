// Editing of a password file, line by line: lines that it does not understand stay unchanged, byte for byte. The new
// file is written beside the old one and renamed, so that a broker never reads a partial file.
import { readRegularFile } from 'hexmq/ports';
import writeFileAtomic from 'write-file-atomic';
import { hashPassword } from '../passwords/password-hash.js';
import { isIgnoredLine, userNameProblem } from '../passwords/user-lines.js';

export { DEFAULT_COST, MIN_COST, MAX_COST } from '../passwords/password-hash.js';
export { userNameProblem };

/** The mode of a new file. An existing file keeps its mode and owner. */
const MODE = 0o600;

export class PasswordFileEditor {
  /** Decoded as Latin-1, one character a byte, so that invalid UTF-8 is preserved. */
  readonly #lines: string[];

  private constructor(
    readonly path: string,
    readonly isNew: boolean,
    content: string,
  ) {
    this.#lines = content === '' ? [] : content.replace(/\n$/, '').split('\n');
  }

  /** A missing file counts as one without users. @throws Error of the system if the file cannot be read. */
  static async open(path: string): Promise<PasswordFileEditor> {
    try {
      return new PasswordFileEditor(path, false, (await readRegularFile(path)).toString('latin1'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new PasswordFileEditor(path, true, '');
    }
  }

  /** In the order of the file. */
  get userNames(): string[] {
    return [...new Set(this.#lines.flatMap((line) => userNameOf(line) ?? []))].filter((name) => name !== '');
  }

  /** What the file has for its users, in the order of the file. */
  get secrets(): string[] {
    return this.#lines.flatMap((line) => {
      const name = userNameOf(line);
      return name === undefined || name === '' ? [] : [line.slice(line.indexOf(':') + 1).trim()];
    });
  }

  has(userName: string): boolean {
    return this.#linesOf(userName).length > 0;
  }

  /** @param cost see `hashPassword`. @throws Error if the user name is not valid in a password file. */
  async set(userName: string, password: Uint8Array, cost: number): Promise<'added' | 'changed'> {
    const problem = userNameProblem(userName);
    if (problem !== undefined) throw new Error(`this user name is not valid in a password file: ${problem}`);
    return this.replace(userName, [await hashPassword(password, cost)]);
  }

  /** Gives the user these secrets, a line for each, and no others. */
  replace(userName: string, secrets: readonly string[]): 'added' | 'changed' {
    const lines = secrets.map((secret) => `${Buffer.from(userName).toString('latin1')}:${secret}`);
    const [at, ...others] = this.#linesOf(userName);
    if (at === undefined) {
      this.#lines.push(...lines);
      return 'added';
    }
    this.#remove(others);
    this.#lines.splice(at, 1, ...lines);
    return 'changed';
  }

  /** @returns whether the user existed. */
  delete(userName: string): boolean {
    const found = this.#linesOf(userName);
    this.#remove(found);
    return found.length > 0;
  }

  /** @throws Error of the system; the old file is then unchanged. */
  async save(): Promise<void> {
    const content = Buffer.from(this.#lines.map((line) => `${line}\n`).join(''), 'latin1');
    await writeFileAtomic(this.path, content, this.isNew ? { mode: MODE } : {});
  }

  #linesOf(userName: string): number[] {
    return this.#lines.flatMap((line, index) => (userNameOf(line) === userName ? [index] : []));
  }

  #remove(indexes: readonly number[]): void {
    for (const index of [...indexes].reverse()) this.#lines.splice(index, 1);
  }
}

function userNameOf(line: string): string | undefined {
  const text = Buffer.from(line, 'latin1').toString();
  const colon = text.indexOf(':');
  return isIgnoredLine(text) || colon < 0 ? undefined : text.slice(0, colon).trim();
}
