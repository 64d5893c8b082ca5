// What is valid in a configuration and will surprise all the same: keys that have no effect, and what others can
// read: passwords on their way, events.
import { AUTHENTICATION_ADAPTERS } from './adapter-table.js';
import { authenticationOf } from './config-defaults.js';
import type { AdapterConfig, Config, ListenerConfig } from './config.js';
import { isLoopback } from './hosts.js';

/** @returns one sentence for each, beginning with the key. */
export function configWarnings(config: Config): readonly string[] {
  return [
    ...unusedAuthentication(config),
    ...chainsOf(config).flatMap(chainWarnings),
    ...plainPasswords(config),
    ...openEvents(config),
    ...redirectionToNowhere(config),
  ];
}

/** The reverse has an effect: clients are sent to `serverReference` when the broker stops. */
function redirectionToNowhere({ limits: { serverReference, serverRedirect } }: Config): string[] {
  return serverReference === undefined && serverRedirect !== 'at-stop'
    ? [`limits.serverRedirect: ${serverRedirect} has no effect, because no limits.serverReference names the server`]
    : [];
}

/** A list of authenticators, and the listeners whose clients it decides on. */
interface Chain {
  readonly key: string;
  readonly chain: readonly AdapterConfig[];
  readonly listeners: readonly ListenerConfig[];
}

function chainsOf({ authentication, listeners }: Config): Chain[] {
  const others = listeners.filter((listener) => authenticationOf(listener) === undefined);
  return [
    { key: 'authentication', chain: authentication, listeners: others },
    ...listeners.flatMap((listener, index) => {
      const own = authenticationOf(listener);
      return own === undefined
        ? []
        : [{ key: `listeners[${index}].authentication`, chain: own, listeners: [listener] }];
    }),
  ];
}

/** The default, which stands in no file, is no surprise. */
function unusedAuthentication(config: Config): string[] {
  const isUsed = config.listeners.some((listener) => authenticationOf(listener) === undefined);
  const isDefault = config.authentication.every(({ adapter }) => adapter === 'anonymous');
  return isUsed || isDefault
    ? []
    : ['authentication: it is used by no listener, because each has a key authentication of its own'];
}

function chainWarnings({ key, chain, listeners }: Chain): string[] {
  if (listeners.length === 0) return [];
  const last = chain.findIndex(({ adapter }) => entryOf(adapter)?.alwaysDecides === true);
  return chain.flatMap(({ adapter }, index) => {
    if (last >= 0 && index > last && entryOf(adapter)?.hasMethods !== true)
      return [
        `${key}[${index}]: ${adapter} is never asked, because ${chain[last]?.adapter} before it (${key}[${last}]) ` +
          'decides about every client',
      ];
    if (entryOf(adapter)?.needsCertificate === true && !listeners.some(asksForCertificates))
      return [
        `${key}[${index}]: ${adapter} never identifies a client, because no listener that uses it asks for ` +
          'certificates, expected a listener of type tls or wss with tls.clientCertificate: optional or required',
      ];
    return [];
  });
}

function asksForCertificates(listener: ListenerConfig): boolean {
  return 'tls' in listener && (listener.tls.clientCertificate ?? 'none') !== 'none';
}

/** Behind a proxy that is known, it is the proxy that others reach. */
function plainPasswords(config: Config): string[] {
  return config.listeners.flatMap((listener, index) => {
    if ((listener.type !== 'tcp' && listener.type !== 'ws') || isLoopback(listener.host)) return [];
    if (listener.proxyProtocol !== undefined || ('forwardedFor' in listener && listener.forwardedFor !== undefined))
      return [];
    const chain = authenticationOf(listener) ?? config.authentication;
    const asking = chain.find(({ adapter }) => entryOf(adapter)?.takesPasswords === true);
    if (asking === undefined) return [];
    const better = listener.type === 'tcp' ? 'tls' : 'wss';
    return [
      `listeners[${index}]: passwords for ${asking.adapter} cross the network in plain text, because ` +
        `${listener.host} can be reached by other machines without TLS, expected type ${better}`,
    ];
  });
}

/** Events name clients, their addresses and their topics. */
function openEvents({ sys, authorization }: Config): string[] {
  return sys.events.length === 0 || authorization.length > 0
    ? []
    : [
        'sys.events: clients that no rule limits may read the chosen events, which name others, their addresses and ' +
          'topics, expected authorization with a rule for $SYS/broker/events/#',
      ];
}

const entryOf = (adapter: string): (typeof AUTHENTICATION_ADAPTERS)[string] | undefined =>
  Object.hasOwn(AUTHENTICATION_ADAPTERS, adapter) ? AUTHENTICATION_ADAPTERS[adapter] : undefined;
