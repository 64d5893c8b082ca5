// What is done with a file of passwords apart from asking it: the adapter's own tools, for the command.
import { ADAPTER_TOOLS } from './adapter-table.js';

type Tools = Awaited<ReturnType<typeof ADAPTER_TOOLS.passwordFile>>;

export type PasswordFileEditor = Awaited<ReturnType<Tools['PasswordFileEditor']['open']>>;

export function passwordFileTools(): Promise<Tools> {
  return ADAPTER_TOOLS.passwordFile();
}
