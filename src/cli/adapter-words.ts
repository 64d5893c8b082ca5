// Which adapters a configuration has, in the words of the ready line.
import { AUTHENTICATION_ADAPTERS, AUTHORIZATION_ADAPTERS, STORAGE_ADAPTERS } from '../composition/adapter-table.js';
import type { AdapterTable } from '../composition/adapter-table.js';
import type { AdapterConfig, Config } from '../composition/config.js';
import type { AckLevel } from '../ports/index.js';

const WHEN_ACKNOWLEDGED: Readonly<Record<AckLevel, string>> = {
  received: 'acknowledged when received: what is not stored yet is lost when the broker dies',
  stored: 'acknowledged when stored: what is not on the disk yet is lost when the machine dies',
  flushed: 'acknowledged when flushed to disk',
};

export function describeAdapters({ storage, authentication, authorization }: Config): string {
  const authenticators = authentication.map((one) => describe(one.adapter, remarkOn(AUTHENTICATION_ADAPTERS, one)));
  // What an acknowledgement stands for says nothing where nothing lasts.
  const promise = storage.adapter === 'memory' ? undefined : WHEN_ACKNOWLEDGED[storage.ackLevel];
  const authorizers = authorization.map((one) => describe(one.adapter, remarkOn(AUTHORIZATION_ADAPTERS, one)));
  return [
    `storage ${describe(storage.adapter, remarkOn(STORAGE_ADAPTERS, storage), promise)}`,
    `authentication ${authenticators.join(', then ')}`,
    ...(authorizers.length === 0 ? [] : [`authorization ${authorizers.join(', then ')}`]),
  ].join(', ');
}

export const describeStorage = ({ storage }: Config): string => describe(storage.adapter, remarkOn(STORAGE_ADAPTERS, storage));

function describe(name: string, ...remarks: readonly (string | undefined)[]): string {
  const made = remarks.filter((remark) => remark !== undefined);
  return made.length === 0 ? name : `${name} (${made.join('; ')})`;
}

function remarkOn(table: AdapterTable<unknown>, { adapter, options }: AdapterConfig): string | undefined {
  const entry = Object.hasOwn(table, adapter) ? table[adapter] : undefined;
  if (entry === undefined || entry === 'later') return undefined;
  return typeof entry.remark === 'function' ? entry.remark(options) : entry.remark;
}
