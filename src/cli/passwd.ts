// `hexmq passwd`: edits the users of a password file, or of a file of SCRAM credentials. A password is typed or read
// from standard input, never an argument, because other users of the machine can see arguments.
import type { Command } from 'commander';
import { passwordFileTools, scramTools } from '../composition/passwords.js';
import type { PasswordFileEditor, ScramTools } from '../composition/passwords.js';
import { FileError } from './report-error.js';
import { printable } from './printable.js';
import type { ProcessHost } from './process-host.js';

/** The longest Password that CONNECT can carry: its length field has two bytes. */
const PASSWORD_BYTES_MAX = 65_535;

interface PasswdFlags {
  readonly stdin?: boolean;
  readonly delete?: boolean;
  readonly list?: boolean;
  readonly cost?: string;
  readonly scram?: boolean;
  readonly iterations?: string;
}

export function addPasswd(program: Command, host: ProcessHost): void {
  const command = program.command('passwd');
  command
    .description('set the password of a user in a password file; creates the file if it does not exist')
    .argument('<file>', 'the file, as in options.path of the adapter password-file or scram')
    .argument('[user]', 'the user name')
    .option('--stdin', 'read the password from standard input instead of asking for it')
    .option('--delete', 'delete the user from the file')
    .option('--list', 'print the users of the file')
    .option('--cost <number>', 'cost of the hash: 10 to 18, each step takes twice the time and memory (default 14)')
    .option('--scram', 'write SCRAM credentials, for the adapter scram')
    .option('--iterations <number>', 'with --scram: what a client computes at each login (default 100000)')
    .action((path: string, user: string | undefined, flags: PasswdFlags) => {
      const refuse = (problem: string): never => command.error(`error: passwd: ${problem}`);
      if (flags.list === true) {
        if (user !== undefined) refuse(`--list takes no user, got ${printable(user)}`);
        return list(path, host);
      }
      const name = user ?? refuse('the user name is missing');
      if (flags.scram === true ? flags.cost !== undefined : flags.iterations !== undefined)
        refuse('--cost goes with password files, --iterations with --scram');
      if (flags.delete !== true)
        return flags.scram === true ? setScram(path, name, flags, host) : set(path, name, flags, host);
      if (flags.stdin === true || flags.cost !== undefined || flags.iterations !== undefined)
        refuse('--delete takes no password');
      return remove(path, name, host);
    });
}

async function list(path: string, host: ProcessHost): Promise<void> {
  const file = await existing(path);
  await host.write(file.userNames.map((name) => `${printable(name)}\n`).join(''));
}

async function remove(path: string, user: string, host: ProcessHost): Promise<void> {
  const file = await existing(path);
  if (!file.delete(user))
    throw new FileError(`${path} has no user ${printable(user)}, expected one that --list prints`);
  await save(file);
  host.print(`${printable(user)} deleted from ${path}\n`);
}

async function set(path: string, user: string, { stdin = false, cost }: PasswdFlags, host: ProcessHost): Promise<void> {
  const { DEFAULT_COST, MIN_COST, MAX_COST, userNameProblem } = await passwordFileTools();
  const problem = userNameProblem(user);
  if (problem !== undefined) throw new FileError(`the user name ${printable(user)} is not valid: ${problem}`);
  const hardness = cost === undefined ? DEFAULT_COST : Number(cost);
  if (!Number.isInteger(hardness) || hardness < MIN_COST || hardness > MAX_COST) {
    throw new FileError(
      `--cost: ${printable(cost ?? '')} is not valid, expected a whole number from ${MIN_COST} to ${MAX_COST}`,
    );
  }
  // Problems with the file are reported before the user types a password.
  const file = await open(path);
  if (file.secrets.some(isScram))
    throw new FileError(`${path} holds SCRAM credentials, expected a password file; --scram adds users to it`);
  const outcome = await file.set(user, await passwordFrom(host, stdin), hardness);
  await saved(file, user, outcome, host);
}

async function setScram(path: string, user: string, flags: PasswdFlags, host: ProcessHost): Promise<void> {
  const tools = await scramTools();
  const { userNameProblem } = await passwordFileTools();
  const name = tools.scramName(user) ?? '';
  const problem = name === '' ? 'RFC 4013 (SASLprep) does not permit it' : userNameProblem(name);
  if (problem !== undefined) throw new FileError(`the user name ${printable(user)} is not valid: ${problem}`);
  const iterations = iterationsOf(flags, tools);
  const file = await open(path);
  if (!file.secrets.every(isScram))
    throw new FileError(`${path} is a password file, expected one of SCRAM credentials; without --scram it is edited`);
  const password = await passwordFrom(host, flags.stdin ?? false);
  const secrets = await tools.scramSecrets(password, iterations).catch((error: unknown) => {
    throw new FileError((error as Error).message, { cause: error });
  });
  // A line without a user: the secret that makes unknown users look like known ones.
  if (!file.has('')) file.replace('', [tools.newDecoy()]);
  await saved(file, name, file.replace(name, secrets), host);
}

function iterationsOf({ iterations }: PasswdFlags, tools: ScramTools): number {
  const { DEFAULT_ITERATIONS, MIN_ITERATIONS, MAX_ITERATIONS } = tools;
  const number = iterations === undefined ? DEFAULT_ITERATIONS : Number(iterations);
  if (Number.isInteger(number) && number >= MIN_ITERATIONS && number <= MAX_ITERATIONS) return number;
  throw new FileError(
    `--iterations: ${printable(iterations ?? '')} is not valid, expected a whole number from ${MIN_ITERATIONS} to ` +
      `${MAX_ITERATIONS}`,
  );
}

const isScram = (secret: string): boolean => secret.startsWith('SCRAM-');

async function saved(
  file: PasswordFileEditor,
  user: string,
  outcome: 'added' | 'changed',
  host: ProcessHost,
): Promise<void> {
  await save(file);
  host.print(`${printable(user)} ${outcome === 'added' ? 'added to' : 'changed in'} ${file.path}\n`);
}

async function passwordFrom(host: ProcessHost, stdin: boolean): Promise<Uint8Array> {
  const { askSecret, input } = host;
  const password = askSecret !== undefined && !stdin ? await askTwice(askSecret) : await readAll(input);
  if (password.includes(0)) throw new FileError('the password contains a null character, expected none');
  if (password.length === 0) throw new FileError('the password is empty, expected at least one character');
  if (password.length > PASSWORD_BYTES_MAX)
    throw new FileError(`the password is too long, expected ${PASSWORD_BYTES_MAX} bytes at most`);
  return password;
}

async function askTwice(ask: NonNullable<ProcessHost['askSecret']>): Promise<Uint8Array> {
  const first = await ask('Password:');
  if (first !== (await ask('Repeat the password:')))
    throw new FileError('the two passwords differ; nothing was changed');
  return Buffer.from(first);
}

/** All of standard input, without the line break that most programs end their output with. */
async function readAll(input: ProcessHost['input']): Promise<Uint8Array> {
  if (input === undefined)
    throw new FileError(
      '--stdin: standard input is a terminal, expected a file or a pipe; without --stdin hexmq asks for the password',
    );
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > PASSWORD_BYTES_MAX + 2) break;
  }
  if (length === 0)
    throw new FileError(
      'standard input is no terminal and holds nothing, expected a terminal to type the password on, or the password ' +
        'from a file or a pipe',
    );
  const text = Buffer.concat(chunks);
  const end = text.at(-1) !== 0x0a ? text.length : text.at(-2) === 0x0d ? text.length - 2 : text.length - 1;
  const password = text.subarray(0, end);
  if (password.includes(0x0a))
    throw new FileError('standard input has more than one line, expected the password alone');
  return password;
}

async function existing(path: string): Promise<PasswordFileEditor> {
  const file = await open(path);
  if (file.isNew) throw new FileError(`${path} does not exist; hexmq passwd ${path} <user> creates it`);
  return file;
}

async function open(path: string): Promise<PasswordFileEditor> {
  const { PasswordFileEditor } = await passwordFileTools();
  return PasswordFileEditor.open(path).catch(rethrowSystemError(`cannot read ${path}`));
}

async function save(file: PasswordFileEditor): Promise<void> {
  await file.save().catch(rethrowSystemError(`cannot write ${file.path}`));
}

/** Turns an error of the file system, which is for the user to correct, into a FileError. */
function rethrowSystemError(what: string): (error: unknown) => never {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new FileError(`${what}: ${(error as Error).message}`, { cause: error });
  };
}
