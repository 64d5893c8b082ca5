// A machine whose date a test sets, for the processes that are started with its environment.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryDirectory } from '../../hexmq-command.js';
import { run } from '../../program.js';

const SOURCE = resolve(import.meta.dirname, 'shifted-date.c');

export class MachineDate {
  private constructor(
    readonly env: Readonly<Record<string, string>>,
    readonly file: string,
  ) {}

  static async make(): Promise<MachineDate> {
    const directory = temporaryDirectory();
    const library = join(directory, 'shifted-date.so');
    const { status, stderr } = await run('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-o', library, SOURCE]);
    if (status !== 0) throw new Error(`cc failed: ${stderr}`);
    const file = join(directory, 'shift');
    return new MachineDate({ LD_PRELOAD: library, SHIFTED_DATE: file }, file);
  }

  /** @param seconds how far the date is ahead of the right one. */
  ahead(seconds: number): void {
    writeFileSync(this.file, String(Math.round(seconds)));
  }

  /** As on a machine that starts without a battery for its clock. */
  beginIn1970(): void {
    this.ahead(300 - Date.now() / 1000);
  }
}
