// The tools of the password-file adapter for `hexmq passwd`, which edits files that the adapter only reads.
import { ADAPTER_TOOLS } from './adapter-table.js';

type Tools = Awaited<ReturnType<typeof ADAPTER_TOOLS.passwordFile>>;

export type PasswordFileEditor = Awaited<ReturnType<Tools['PasswordFileEditor']['open']>>;

export function passwordFileTools(): Promise<Tools> {
  return ADAPTER_TOOLS.passwordFile();
}
