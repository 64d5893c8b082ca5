// What a program holds in memory, as the operating system sees it.
import { readFileSync } from 'node:fs';
import { afterwards } from './program.js';
import type { Program } from './program.js';

/**
 * `VmRSS`: everything that is resident. `RssAnon`: without files mapped into memory, which the kernel takes back when
 * it needs the memory.
 */
type Share = 'VmRSS' | 'RssAnon';

function residentBytes({ pid }: Program, share: Share): number {
  const kilobytes = new RegExp(`^${share}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${String(pid)}/status`, 'utf8'),
  )?.[1];
  if (kilobytes === undefined) throw new Error('this system does not report resident memory');
  return Number(kilobytes) * 1024;
}

/**
 * Returns a function that ends the watch and returns the peak since now, in millions of bytes beyond the present
 * resident memory.
 */
export function watchGrowth(program: Program, share: Share): () => number {
  const before = residentBytes(program, share);
  let peak = before;
  const look = (): void => {
    peak = Math.max(peak, residentBytes(program, share));
  };
  const timer = setInterval(look, 20);
  afterwards(() => {
    clearInterval(timer);
  });
  return () => {
    look();
    clearInterval(timer);
    return Math.round((peak - before) / 1_000_000);
  };
}
