// The command `hexmq`: its subcommands, each in a file of its own, and what they share.
import { Command } from 'commander';
import { addAcl } from './acl.js';
import { addCheckConfig } from './check-config.js';
import { addCompletion } from './completion/completion.js';
import { addConfigSchema } from './config-schema.js';
import { addConvert } from './convert.js';
import { addCreatePlugin } from './create-plugin/create-plugin.js';
import { addExport } from './export.js';
import { ExitStatus, reportError } from './report-error.js';
import { addImport } from './import.js';
import { addInspect } from './inspect.js';
import { addMigrate } from './migrate.js';
import { addActions } from './operate/actions.js';
import { addBackup } from './operate/backup.js';
import { addLists } from './operate/lists.js';
import { addThings } from './operate/things.js';
import { addToken } from './operate/token.js';
import { addWatching } from './operate/watching.js';
import { addPasswd } from './passwd.js';
import { addReload } from './reload.js';
import { addStart } from './start.js';
import { VERSION } from '../composition/version.js';
import type { ProcessHost } from './process-host.js';

const HELP_ON_SETTINGS = `
Flags override the environment, the environment overrides the file, the file overrides the defaults. The environment:
  HEXMQ_CONFIG, HEXMQ_HOST, HEXMQ_PORT, HEXMQ_STORAGE, HEXMQ_DATA, HEXMQ_ACK_LEVEL, HEXMQ_LOG_LEVEL,
  HEXMQ_PID_FILE                                                                              same as the flags
  HEXMQ_LOG_FORMAT          json or text; HEXMQ_LOG_FILE: a file for the log in place of standard error
  HEXMQ_STORAGE_URL         servers of the mongodb storage, with credentials; HEXMQ_STORAGE_URL_FILE: a file with them
  HEXMQ_STORAGE_DATABASE    its database
  HEXMQ_AUTHENTICATION      the only authentication adapter, such as anonymous; its options are the file's
  HEXMQ_LIMITS_<KEY>        a limit: HEXMQ_LIMITS_MAX_INFLIGHT for limits.maxInflight
`;

/** Runs the command. @returns the exit status (`ExitStatus`); errors have been printed. Never rejects. */
export async function run(args: readonly string[], host: ProcessHost): Promise<number> {
  const program = commandLine(host);
  try {
    await program.parseAsync(args, { from: 'user' });
    return ExitStatus.done;
  } catch (error) {
    return reportError(error, host);
  }
}

/** The program of the command, which `docs/commands.md` is made from too. */
export function commandLine(host: ProcessHost): Command {
  const program = new Command('hexmq')
    .description('An MQTT broker with swappable storage, where an acknowledgement means stored.')
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        host.print(text);
      },
      writeErr: (text) => {
        host.printError(text);
      },
    })
    .showSuggestionAfterError()
    .addHelpText('after', HELP_ON_SETTINGS);
  addStart(program, host);
  addThings(program, host);
  addLists(program, host);
  addActions(program, host);
  addBackup(program, host);
  addReload(program, host);
  addWatching(program, host);
  addToken(program, host);
  addCheckConfig(program, host);
  addConvert(program, host);
  addPasswd(program, host);
  addConfigSchema(program, host);
  addAcl(program, host);
  addInspect(program, host);
  addMigrate(program, host);
  addExport(program, host);
  addImport(program, host);
  addCreatePlugin(program, host);
  addCompletion(program, host);
  return program;
}
