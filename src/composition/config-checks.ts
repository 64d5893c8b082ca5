// The rules of a configuration that span several keys. They run on unchecked input, so that one run reports everything,
// and skip values of the wrong type, which the schema reports.
import { resolve } from 'node:path';
import { formatAddress } from '../ports/index.js';
import { AUTHENTICATION_ADAPTERS, AUTHORIZATION_ADAPTERS, STORAGE_ADAPTERS } from './adapter-table.js';
import type { AdapterTable } from './adapter-table.js';
import { DEFAULT_HOST, DEFAULT_PORTS } from './config-defaults.js';
import type { ConfigPath } from './config-path.js';
import type { ConfigProblems } from './config-problems.js';
import type { PortListenerConfig } from './config-schema.js';
import { isLoopback, overlap } from './hosts.js';
import { isMapping } from './mapping.js';

/** Checks what is known without loading an adapter. An unknown name may be an npm package. */
export function checkAdapterOptions(problems: ConfigProblems, config: unknown): void {
  if (!isMapping(config)) return;
  checkAdapter(problems, ['storage'], config['storage'], STORAGE_ADAPTERS);
  checkAdapterList(problems, ['authentication'], config['authentication'], AUTHENTICATION_ADAPTERS);
  checkAdapterList(problems, ['authorization'], config['authorization'], AUTHORIZATION_ADAPTERS);
  const listeners: unknown = config['listeners'];
  if (!Array.isArray(listeners)) return;
  listeners.forEach((listener: unknown, index) => {
    if (isMapping(listener))
      checkAdapterList(
        problems,
        ['listeners', index, 'authentication'],
        listener['authentication'],
        AUTHENTICATION_ADAPTERS,
      );
  });
}

function checkAdapterList(
  problems: ConfigProblems,
  path: ConfigPath,
  written: unknown,
  table: AdapterTable<unknown>,
): void {
  if (!Array.isArray(written)) return;
  written.forEach((one: unknown, index) => {
    checkAdapter(problems, [...path, index], one, table);
  });
}

function checkAdapter(
  problems: ConfigProblems,
  path: ConfigPath,
  written: unknown,
  table: AdapterTable<unknown>,
): void {
  if (!isMapping(written)) return;
  const { adapter, options } = written as { adapter?: unknown; options?: unknown };
  if (typeof adapter !== 'string' || !Object.hasOwn(table, adapter)) return;
  const entry = table[adapter];
  const [option] = isMapping(options) ? Object.keys(options) : [];
  if (option !== undefined && entry?.takesOptions === false)
    problems.add([...path, 'options', option], `unknown key, ${adapter} has no options`);
}

export function checkListeners(problems: ConfigProblems, config: unknown): void {
  if (!isMapping(config) || !Array.isArray(config['listeners'])) return;
  const listeners: unknown[] = config['listeners'];
  const hasAuthentication = config['authentication'] !== undefined;
  const names = new Map<string, number>();
  const addresses: (Address | undefined)[] = [];
  listeners.forEach((listener, index) => {
    if (!isMapping(listener)) return;
    const { type, name, host = DEFAULT_HOST } = listener as { type?: unknown; name?: unknown; host?: unknown };
    if (typeof name === 'string') {
      const twin = names.get(name);
      if (twin !== undefined)
        problems.add(
          ['listeners', index, 'name'],
          `"${name}" is also the name of listeners[${twin}], expected another`,
        );
      names.set(name, index);
    }
    const address = addressOf(listener);
    if (address !== undefined) {
      const twin = addresses.findIndex((other) => other !== undefined && isTaken(address, other));
      if (twin >= 0) problems.add(['listeners', index, address.key], taken(address, addresses[twin] as Address, twin));
    }
    addresses[index] = address;
    if (type === 'plugin' && !hasAuthentication && listener['authentication'] === undefined)
      problems.add(
        ['listeners', index, 'authentication'],
        'missing, expected who may connect: how far the listener of a plugin reaches is not known; ' +
          '"authentication: [{ adapter: anonymous }]" admits everyone',
      );
    // A broker that every machine can reach and every client may use must never be an accident.
    if (
      !hasAuthentication &&
      listener['authentication'] === undefined &&
      type !== 'unix' &&
      typeof host === 'string' &&
      !isLoopback(host)
    ) {
      problems.add(
        ['listeners', index, 'host'],
        `${host} can be reached by other machines and no authentication is configured, ` +
          `expected a loopback address such as ${DEFAULT_HOST}, or the key authentication; ` +
          '"authentication: [{ adapter: anonymous }]" (or HEXMQ_AUTHENTICATION=anonymous) admits everyone',
      );
    }
  });
}

/** Who reaches the administration rules the broker, so nothing about it is left to chance. */
export function checkAdmin(problems: ConfigProblems, config: unknown): void {
  if (!isMapping(config) || !isMapping(config['admin'])) return;
  const { socket: _socket, dashboard: _dashboard, ...http } = config['admin'];
  const { host = DEFAULT_HOST, tls, tokens, certificates } = http;
  if (!Object.values(http).some((value) => value !== undefined && value !== null)) return;
  if (typeof host === 'string' && !isLoopback(host) && !isMapping(tls))
    problems.add(
      ['admin', 'host'],
      `${host} can be reached by other machines, which could read the tokens on their way, ` +
        `expected the key admin.tls, or a loopback address such as ${DEFAULT_HOST}`,
    );
  // On loopback, metrics and health need neither.
  if (tokens === undefined && certificates === undefined && typeof host === 'string' && !isLoopback(host))
    problems.add(
      ['admin', 'tokens'],
      'missing, expected the path of a file of tokens (hexmq token makes them), or the key admin.certificates',
    );
  const asks = isMapping(tls) && ['optional', 'required'].includes(String(tls['clientCertificate']));
  if (certificates !== undefined && !asks)
    problems.add(
      ['admin', 'certificates'],
      'no client certificate is asked for, expected admin.tls.clientCertificate: optional or required',
    );
}

/** What no two listeners can share. */
interface Address {
  readonly key: 'path' | 'port';
  readonly host: string;
  /** The port, or the whole path of a Unix socket. */
  readonly place: string | number;
  /** As it is written. */
  readonly shown: string;
}

/** `undefined` if it cannot collide or is not valid. */
function addressOf(listener: Record<string, unknown>): Address | undefined {
  const {
    type,
    path,
    host = DEFAULT_HOST,
    port = DEFAULT_PORTS[type as PortListenerConfig['type']] as unknown,
  } = listener;
  if (type === 'unix')
    return typeof path === 'string' ? { key: 'path', host: '', place: resolve(path), shown: path } : undefined;
  if (typeof host !== 'string' || typeof port !== 'number' || port === 0) return undefined;
  return { key: 'port', host, place: port, shown: formatAddress(host, port) };
}

const isTaken = (one: Address, other: Address): boolean =>
  one.key === other.key && one.place === other.place && (one.key === 'path' || overlap(one.host, other.host));

function taken({ key, shown }: Address, other: Address, index: number): string {
  return key === 'path' || shown === other.shown
    ? `${shown} is also the address of listeners[${index}], expected another`
    : `${shown} and ${other.shown}, the address of listeners[${index}], overlap, expected another`;
}
