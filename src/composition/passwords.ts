// The tools of the adapters password-file and scram for `hexmq passwd`, which edits files that the adapters only read.
import { ADAPTER_TOOLS } from './adapter-table.js';

type Tools = Awaited<ReturnType<typeof ADAPTER_TOOLS.passwordFile>>;

export type PasswordFileEditor = Awaited<ReturnType<Tools['PasswordFileEditor']['open']>>;

export type ScramTools = Awaited<ReturnType<typeof ADAPTER_TOOLS.scram>>;

export function scramTools(): Promise<ScramTools> {
  return ADAPTER_TOOLS.scram();
}

export function passwordFileTools(): Promise<Tools> {
  return ADAPTER_TOOLS.passwordFile();
}
