// The listeners of a mosquitto.conf, and who may connect to them.
import type { MappingDraft } from '../mapping.js';

interface Access {
  anonymous: boolean | undefined;
  passwordFile: string | undefined;
  aclFile: string | undefined;
}

interface Draft {
  readonly place: MappingDraft;
  readonly tls: MappingDraft;
  readonly access: Access;
  ca: string | undefined;
  isWebSocket: boolean;
  requiresCertificate: boolean;
  /** What of a certificate is the user name. */
  identity: 'commonName' | 'subject' | undefined;
  maxConnections: number | undefined;
}

interface Finished {
  readonly listeners: readonly MappingDraft[];
  readonly access: MappingDraft;
  readonly remarks: readonly string[];
}

const ALL_ADDRESSES = '::';
const noAccess = (): Access => ({ anonymous: undefined, passwordFile: undefined, aclFile: undefined });

const draftAt = (place: MappingDraft): Draft => ({
  place,
  tls: {},
  access: noAccess(),
  ca: undefined,
  isWebSocket: false,
  requiresCertificate: false,
  identity: undefined,
  maxConnections: undefined,
});

export class Listeners {
  arePerListener = false;
  readonly #shared = noAccess();
  /** The listener that `port` and `bind_address` describe, and lines before the first `listener`. */
  readonly #first = draftAt({ host: ALL_ADDRESSES, port: 1883 });
  #hasFirst = false;
  readonly #others: Draft[] = [];

  /** @returns what became of the line, or `undefined` if it is not about listeners. */
  take(option: string, value: string): string | undefined {
    const draft = this.#others.at(-1) ?? this.#first;
    return this.#takePlace(option, value) ?? takeTls(draft, option, value) ?? this.#takeAccess(draft, option, value);
  }

  #takePlace(option: string, value: string): string | undefined {
    const [first = '', second] = value.split(/\s+/);
    switch (option) {
      case 'listener':
        if (first === '0') {
          this.#others.push(draftAt({ path: second ?? '' }));
          return 'listeners[], type: unix';
        }
        this.#others.push(draftAt({ host: second ?? ALL_ADDRESSES, port: Number(first) }));
        return 'listeners[]';
      case 'port':
        this.#hasFirst = true;
        this.#first.place['port'] = Number(first);
        return 'listeners[].port';
      case 'bind_address':
        this.#hasFirst = true;
        this.#first.place['host'] = first;
        return 'listeners[].host';
      default:
        return undefined;
    }
  }

  #takeAccess({ access: own }: Draft, option: string, value: string): string | undefined {
    const access = this.arePerListener ? own : this.#shared;
    switch (option) {
      case 'allow_anonymous':
        access.anonymous = value === 'true';
        return access.anonymous ? 'authentication: anonymous' : 'no anonymous clients';
      case 'password_file':
        access.passwordFile = value;
        return 'authentication: password-file, the file as it is';
      case 'acl_file':
        access.aclFile = value;
        return 'authorization: acl-file, the file as it is';
      default:
        return undefined;
    }
  }

  finish(): Finished {
    const remarks: string[] = [];
    const isLocal = !this.#hasFirst && this.#others.length === 0;
    if (isLocal) {
      this.#first.place['host'] = 'localhost';
      remarks.push('listeners[]: localhost, because Mosquitto without a listener accepts no other machine');
    }
    const drafts = this.#hasFirst || isLocal ? [this.#first, ...this.#others] : this.#others;
    const listeners = drafts.map((draft) => {
      const chain = this.arePerListener ? authenticationOf(draft.access, isLocal, remarks) : undefined;
      return listenerOf(draft, chain, remarks);
    });
    const shared = this.arePerListener ? undefined : authenticationOf(this.#shared, isLocal, remarks);
    const authorization = this.#authorization(drafts, remarks);
    const access = {
      ...(shared === undefined ? {} : { authentication: shared }),
      ...(authorization === undefined ? {} : { authorization }),
    };
    return { listeners, access, remarks };
  }

  /** Rules are for all listeners: with no rules at all, more would be allowed than before. */
  #authorization(drafts: readonly Draft[], remarks: string[]): readonly MappingDraft[] | undefined {
    const files = this.arePerListener ? drafts.map(({ access }) => access.aclFile) : [this.#shared.aclFile];
    const [path, ...others] = new Set(files.filter((file) => file !== undefined));
    if (path === undefined) return undefined;
    if (files.includes(undefined))
      remarks.push(`authorization: ${path} is for all listeners here, also for those that had no acl_file`);
    if (others.length > 0)
      remarks.push(`authorization: ${path} is for all listeners here; merge ${others.join(', ')} into it`);
    return [{ adapter: 'acl-file', options: { path } }];
  }
}

function takeTls(draft: Draft, option: string, value: string): string | undefined {
  const { tls } = draft;
  const file = FILES[option];
  if (file !== undefined) {
    tls[file] = value;
    return `listeners[].tls.${file}`;
  }
  switch (option) {
    case 'protocol':
      draft.isWebSocket = value === 'websockets';
      return draft.isWebSocket ? 'listeners[].type: ws, at the path /mqtt alone' : 'listeners[].type';
    case 'cafile':
      draft.ca = value;
      return 'listeners[].tls.ca, if client certificates are required';
    case 'require_certificate':
      draft.requiresCertificate = value === 'true';
      return 'listeners[].tls.clientCertificate';
    case 'use_identity_as_username':
    case 'use_subject_as_username':
      if (value === 'true') draft.identity = option.includes('subject') ? 'subject' : 'commonName';
      return 'listeners[].authentication: certificate';
    case 'tls_version':
      if (value !== 'tlsv1.2' && value !== 'tlsv1.3') return 'left out: TLS 1.2 is the oldest version';
      tls['minVersion'] = value.replace('tlsv', 'TLSv');
      return 'listeners[].tls.minVersion';
    case 'max_connections':
      draft.maxConnections = /^[1-9]\d*$/.test(value) ? Number(value) : undefined;
      return draft.maxConnections === undefined ? 'no limit of its own' : 'listeners[].limits.maxConnections';
    default:
      return undefined;
  }
}

const FILES: Readonly<Record<string, string>> = {
  certfile: 'cert',
  keyfile: 'key',
  crlfile: 'crl',
  ciphers: 'ciphers',
  'ciphers_tls1.3': 'ciphers',
};

/** @param isLocal Mosquitto admits everyone if it has no listener but that of its own machine. */
function authenticationOf({ anonymous, passwordFile }: Access, isLocal: boolean, remarks: string[]): MappingDraft[] {
  const isOpen = anonymous ?? (isLocal && passwordFile === undefined);
  const chain: MappingDraft[] = [];
  if (passwordFile !== undefined) chain.push({ adapter: 'password-file', options: { path: passwordFile } });
  if (isOpen) chain.push({ adapter: 'anonymous' });
  if (chain.length > 0) return chain;
  remarks.push('authentication: Mosquitto admits no client here; hexmq passwd ./passwd NAME makes the file for some');
  return [{ adapter: 'password-file', options: { path: './passwd' } }];
}

function listenerOf(draft: Draft, chain: readonly MappingDraft[] | undefined, remarks: string[]): MappingDraft {
  const { place, tls, ca, isWebSocket, requiresCertificate, identity, maxConnections } = draft;
  const isSecure = tls['cert'] !== undefined;
  const type =
    place['path'] === undefined
      ? `${isWebSocket ? 'ws' : isSecure ? 'tls' : 'tcp'}${isWebSocket && isSecure ? 's' : ''}`
      : 'unix';
  if (requiresCertificate && ca === undefined)
    remarks.push('listeners[].tls.ca: put the certificates of capath into one file, and name it there');
  const verified = requiresCertificate && ca !== undefined ? { ca, clientCertificate: 'required' } : {};
  const authentication =
    identity === undefined
      ? chain
      : [{ adapter: 'certificate', ...(identity === 'subject' ? { options: { identity } } : {}) }];
  return {
    type,
    ...place,
    ...(isSecure ? { tls: { ...tls, ...verified } } : {}),
    ...(authentication === undefined ? {} : { authentication }),
    ...(maxConnections === undefined ? {} : { limits: { maxConnections } }),
  };
}
