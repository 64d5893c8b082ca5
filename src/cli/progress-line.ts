// The progress of a long operation, on one line of a terminal.
import type { TransferProgress } from '../composition/transfer.js';
import type { ProcessHost } from './process-host.js';

const REDRAW_MS = 100;
const BAR_WIDTH = 30;

export class ProgressLine {
  #drawnAtMs = 0;

  constructor(readonly host: Pick<ProcessHost, 'showProgress'>) {}

  readonly update = ({ phase, done, total }: TransferProgress): void => {
    const { showProgress } = this.host;
    if (showProgress === undefined) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnAtMs < REDRAW_MS) return;
    this.#drawnAtMs = nowMs;
    showProgress(
      total === undefined
        ? `${phase} ${number(done)}`
        : `${phase} ${bar(done, total)} ${number(done)} of ${number(total)}`,
    );
  };

  /** Clears the line. */
  end(): void {
    this.host.showProgress?.('');
  }
}

function bar(done: number, total: number): string {
  const full = total === 0 ? BAR_WIDTH : Math.min(BAR_WIDTH, Math.floor((done / total) * BAR_WIDTH));
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`;
}

const number = (value: number): string => value.toLocaleString('en');
