// How many files this process may open. Every connection takes one of them, and so do the files of storage: without a
// reserve, clients could take all of them, and storage could not open its next file.
import { readFileSync } from 'node:fs';
import { DEFAULT_LIMITS } from '../domain/limits.js';

/**
 * Kept back from clients: file storage takes up to 90, and the rest is for logs, listeners, and connections to
 * databases and web servers.
 */
export const RESERVED_FILES = 200;
const LEAST_FILES = 256;
const FEW_CONNECTIONS = 1000;

interface ProcessReport {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | 'unlimited' } };
}

/** The limit of open files that this process has (`ulimit -n`); Infinity where there is none. */
export function openFilesLimit(): number {
  const soft = limitOfLinux() ?? limitOfReport();
  return typeof soft === 'number' ? soft : Infinity;
}

/** Linux has it in a file, which is read in no time. */
function limitOfLinux(): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    // Another system, or one without /proc.
    return undefined;
  }
}

function limitOfReport(): number | 'unlimited' | undefined {
  const { userLimits } = process.report.getReport() as ProcessReport;
  return userLimits?.open_files?.soft;
}

/** How many connections may be open at once, whatever state they are in. */
export const connectionFiles = (limit: number): number => Math.max(limit - RESERVED_FILES, 1);

/** What is wrong if the limit is too low for a broker. */
export function openFilesProblem(limit: number): string | undefined {
  if (limit >= LEAST_FILES) return undefined;
  return (
    `this process may open ${limit} files (ulimit -n); hexmq needs at least ${LEAST_FILES}: ${RESERVED_FILES} for ` +
    'storage, logs and listeners, and one for each client'
  );
}

/**
 * A warning if fewer clients fit than `maxConnections` allows. With its default, which the operator has not asked for,
 * only if few fit.
 */
export function openFilesWarning(limit: number, maxConnections: number): string | undefined {
  const room = connectionFiles(limit);
  const expected = maxConnections === DEFAULT_LIMITS.maxConnections ? FEW_CONNECTIONS : maxConnections;
  if (room >= expected) return undefined;
  return (
    `this process may open ${limit} files (ulimit -n), so ${room} connections are admitted, not the ` +
    `${maxConnections} of limits.maxConnections`
  );
}
