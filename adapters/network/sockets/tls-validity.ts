// What is wrong, or soon will be, with certificates and revocation lists that can be read: their time, and authorities
// without a root.
import type { X509Certificate } from 'node:crypto';
import { nextUpdateMs } from './revocation-list.js';

const DAY_MS = 86_400_000;
/** How long before the end there is a warning each day. */
const WARN_DAYS = 30;

/** A list is replaced far more often than a certificate. */
const WARN_DAYS_OF_LIST = 2;

export interface TlsContent {
  /** The broker's certificate, and those of its authorities that it sends. */
  readonly own: Certificates;
  /** The authorities of clients. */
  readonly ca: Certificates | undefined;
  readonly crl: { readonly path: string; readonly lists: readonly string[] } | undefined;
}

export interface Certificates {
  readonly path: string;
  readonly certificates: readonly X509Certificate[];
}

/** @param nowMs by the clock of the world, which is that of the certificates. */
export function validityWarnings({ own, ca, crl }: TlsContent, nowMs: number): readonly string[] {
  return [
    ...own.certificates.flatMap((one) => timeWarning(`the certificate in ${own.path}`, one, nowMs)),
    ...(ca?.certificates ?? []).flatMap((one) =>
      timeWarning(`the authority of client certificates in ${ca?.path}`, one, nowMs),
    ),
    ...rootWarnings(ca),
    ...(crl?.lists ?? []).flatMap((list, index) => {
      const endMs = nextUpdateMs(list);
      const what = `revocation list ${index + 1} of ${crl?.lists.length} in ${crl?.path}`;
      return endMs === undefined ? [] : listWarning(what, endMs, nowMs);
    }),
  ];
}

/** Whether no client certificate can be verified: each chain has to end in a root. */
export const lacksRoot = ({ certificates }: Certificates): boolean => !certificates.some(isRoot);

const isRoot = (certificate: X509Certificate): boolean => certificate.checkIssued(certificate);

/** An authority whose own authorities are not there is of no use. */
function rootWarnings(ca: Certificates | undefined): string[] {
  if (ca === undefined) return [];
  const { path, certificates } = ca;
  return certificates
    .filter((one) => !isRoot(one) && !certificates.some((other) => other !== one && one.checkIssued(other)))
    .map(
      (one) =>
        `clients of the authority ${nameOf(one)} in ${path} are all refused, because the authority that signed it, ` +
        `${inline(one.issuer)}, is not in the file, expected the chain up to its root`,
    );
}

function timeWarning(what: string, certificate: X509Certificate, nowMs: number): string[] {
  const named = `${what} (${nameOf(certificate)})`;
  const fromMs = Date.parse(certificate.validFrom);
  const toMs = Date.parse(certificate.validTo);
  if (nowMs < fromMs) return [`${named} is not valid before ${day(fromMs)}; is the clock of this machine right?`];
  if (nowMs > toMs) return [`${named} ended on ${day(toMs)}, so it is refused`];
  const days = Math.floor((toMs - nowMs) / DAY_MS);
  return days >= WARN_DAYS ? [] : [`${named} ends in ${inDays(days)}, on ${day(toMs)}`];
}

function listWarning(what: string, endMs: number, nowMs: number): string[] {
  if (nowMs > endMs)
    return [`${what} was to be replaced by ${day(endMs)}, so every client of its authority is refused`];
  const days = Math.floor((endMs - nowMs) / DAY_MS);
  return days >= WARN_DAYS_OF_LIST ? [] : [`${what} has to be replaced within ${inDays(days)}, by ${day(endMs)}`];
}

const inDays = (days: number): string => (days === 0 ? 'less than a day' : days === 1 ? '1 day' : `${days} days`);

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

const nameOf = ({ subject, serialNumber }: X509Certificate): string =>
  subject === undefined || subject === '' ? `serial number ${serialNumber}` : inline(subject);

/** Node gives one line for each name. */
const inline = (names: string): string => names.split('\n').join(', ');
