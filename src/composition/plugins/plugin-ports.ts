// The ports that a plugin can bind, and where the configuration names it.
import type { ServiceIdentifier } from 'inversify';
import {
  Authenticator,
  Authorizer,
  EventListener,
  Interceptor,
  Listener,
  PluginOperation,
  Startable,
  Storage,
  Telemetry,
} from '../../ports/index.js';

/** Any number of them, from any plugin that the list `plugins` names. */
const EVERYWHERE: readonly ServiceIdentifier[] = [Interceptor, EventListener, Telemetry, PluginOperation, Startable];

/** The place of a port is the place of the package: there is one, or an order, or settings beside it. */
const AT_A_KEY: ReadonlyMap<ServiceIdentifier, string> = new Map<ServiceIdentifier, string>([
  [Storage, 'storage.adapter'],
  [Authenticator, 'authentication[].adapter'],
  [Authorizer, 'authorization[].adapter'],
  [Listener, 'listeners[].package, with the type plugin'],
]);

export const PORTS_FOR_PLUGINS: readonly ServiceIdentifier[] = [...EVERYWHERE, ...AT_A_KEY.keys()];

export function portName(token: ServiceIdentifier): string {
  if (typeof token === 'symbol') return (token.description ?? '').replace('hexmq.', '');
  return typeof token === 'function' ? token.name : String(token);
}

/** Why a plugin that binds this cannot be in the list `plugins`; `undefined` if it can. */
export function misplacement(token: ServiceIdentifier): string | undefined {
  const key = AT_A_KEY.get(token);
  return key === undefined ? undefined : `provides ${portName(token)}, expected its package at ${key}`;
}
