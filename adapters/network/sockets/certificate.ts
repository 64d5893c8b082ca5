// The owner named in a client certificate, as the network port describes it.
import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'hexmq/ports';

export function describeCertificate(certificate: X509Certificate): PeerCertificate {
  // Node gives one line per relative distinguished name, in certificate order, with values escaped as in RFC 2253.
  // So a line feed cannot be part of a value.
  const names = certificate.subject === undefined ? [] : certificate.subject.split('\n');
  const commonNames = names.flatMap((name) => name.split(' + ')).filter((attribute) => attribute.startsWith('CN='));
  const [commonName] = commonNames;
  return {
    commonName:
      commonNames.length === 1 && commonName !== undefined ? unescape(commonName.slice('CN='.length)) : undefined,
    // RFC 4514 lists the names in reverse order.
    subject: names
      .map((name) => name.replaceAll(' + ', '+'))
      .reverse()
      .join(','),
    subjectAlternativeNames: alternativeNames(certificate.subjectAltName ?? ''),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

function unescape(value: string): string {
  return value.replace(/\\([0-9A-Fa-f]{2}|.)/gs, (_, escaped: string) =>
    escaped.length === 2 ? String.fromCharCode(parseInt(escaped, 16)) : escaped,
  );
}

/** Parses `DNS:a, IP Address:127.0.0.1, URI:"a value with a comma is quoted as JSON"`. */
function alternativeNames(text: string): string[] {
  return [...text.matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)].map(([, kind = '', value = '']) => {
    const plain = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    return `${kind === 'IP Address' ? 'IP' : kind}:${plain}`;
  });
}
