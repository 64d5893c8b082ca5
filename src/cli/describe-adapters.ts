// The adapters of a configuration, as the ready line describes them.
import {
  AUTHENTICATION_ADAPTERS,
  AUTHORIZATION_ADAPTERS,
  NOT_DURABLE,
  STORAGE_ADAPTERS,
  describeAdapter,
} from '../composition/adapter-table.js';
import { authenticationOf } from '../composition/config-defaults.js';
import type { AdapterConfig, Config } from '../composition/config.js';
import type { AckLevel, StorageTraits } from '../ports/index.js';

const WHEN_ACKNOWLEDGED: Readonly<Record<AckLevel, string>> = {
  received: 'acknowledged when received: what is not stored yet is lost when the broker dies',
  stored: 'acknowledged when stored: what is not on the disk yet is lost when the machine dies',
  flushed: 'acknowledged when flushed to disk',
};

/** @param traits what the storage claims, so that the line promises no more; `undefined` if it claims nothing. */
export function describeAdapters(config: Config, traits: StorageTraits | undefined): string {
  const { storage, authentication, authorization, listeners, plugins } = config;
  const ofBroker = listeners.every((listener) => authenticationOf(listener) !== undefined)
    ? []
    : [describeChain(authentication)];
  const ofListeners = listeners.flatMap((listener) => {
    const own = authenticationOf(listener);
    return own === undefined ? [] : [`on ${listener.name} ${describeChain(own)}`];
  });
  // Without durable storage, no acknowledgement level makes a difference.
  const promise = traits?.durable === false ? NOT_DURABLE : WHEN_ACKNOWLEDGED[storage.ackLevel];
  const authorizers = authorization.map((one) => describeAdapter(AUTHORIZATION_ADAPTERS, one));
  return [
    `storage ${describeAdapter(STORAGE_ADAPTERS, storage, promise)}`,
    `authentication ${[...ofBroker, ...ofListeners].join('; ')}`,
    ...(authorizers.length === 0 ? [] : [`authorization ${authorizers.join(', then ')}`]),
    ...(plugins.length === 0 ? [] : [`plugins ${plugins.map((one) => one.name ?? one.package).join(', then ')}`]),
  ].join(', ');
}

function describeChain(chain: readonly AdapterConfig[]): string {
  return chain.map((one) => describeAdapter(AUTHENTICATION_ADAPTERS, one)).join(', then ');
}

export const describeStorage = ({ storage }: Config): string => describeAdapter(STORAGE_ADAPTERS, storage);
