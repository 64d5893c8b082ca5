// A browser without a window, for the tests that need one.
import { temporaryDirectory } from './hexmq-command.js';
import { Program } from './program.js';
import { CHROMIUM } from './tools.js';

const QUIETLY = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-default-apps'],
];

/** Opens a page; the program is killed as a group. */
export function openPage(url: string): Program {
  return new Program(
    CHROMIUM ?? 'chromium',
    [...QUIETLY, `--user-data-dir=${temporaryDirectory()}`, '--remote-debugging-port=0', url],
    { isGroup: true },
  );
}
