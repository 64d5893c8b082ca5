// Who calls: a user of this machine who may open the Unix socket, the holder of a token, or that of a certificate.
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Actor, AdministrationRole } from 'hexmq/ports';
import type { Tokens } from './tokens.js';

/** Finds the caller of a request; a sentence says why there is none. */
export type Identify = (request: IncomingMessage) => Actor | string;

export interface CertificateRole {
  readonly commonName: string;
  readonly role: AdministrationRole;
}

/** Printable ASCII, so that a log line cannot be forged with it. */
const ACTOR_NAME = /^[\x21-\x7e]{1,64}$/;
/** What the command says of the user who runs it. It is a courtesy, not a proof: the socket's mode decides. */
export const ACTOR_HEADER = 'x-hexmq-actor';

/** The mode of the socket has decided that the caller may do everything. */
export const onSocket: Identify = ({ headers }) => {
  const name = headers[ACTOR_HEADER];
  const shown = typeof name === 'string' && ACTOR_NAME.test(name) ? name : 'local user';
  return { name: `${shown} (socket)`, role: 'write' };
};

const NO_CREDENTIALS =
  'the configuration has neither admin.tokens nor admin.certificates, so this address answers only GET /metrics, ' +
  '/health/live and /health/ready';

export function byCredentials(tokens: Tokens | undefined, certificates: readonly CertificateRole[]): Identify {
  const roles = new Map(certificates.map(({ commonName, role }) => [commonName, role]));
  const what = [
    ...(tokens === undefined ? [] : ['a token in the header Authorization: Bearer <token>']),
    ...(roles.size === 0 ? [] : ['a client certificate that the configuration names']),
  ].join(', or ');
  if (what === '') return () => NO_CREDENTIALS;
  return ({ headers: { authorization }, socket }) => {
    const ofCertificate = roles.size === 0 ? undefined : certified(socket, roles);
    if (ofCertificate !== undefined) return ofCertificate;
    if (authorization === undefined) return `the request says nothing of who sends it, expected ${what}`;
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    const actor = token === undefined ? undefined : tokens?.find(token);
    return actor ?? `the credentials are not known, expected ${what}`;
  };
}

function certified(socket: unknown, roles: ReadonlyMap<string, AdministrationRole>): Actor | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  // An absent certificate is an empty object.
  const { subject } = socket.getPeerCertificate() as { readonly subject?: { readonly CN?: string | string[] } };
  const name = subject?.CN;
  const role = typeof name === 'string' ? roles.get(name) : undefined;
  return typeof name !== 'string' || role === undefined ? undefined : { name: `${name} (certificate)`, role };
}
