// What a certificate says of its owner, in the words of the port.
import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'hexmq/ports';

export function describeCertificate(certificate: X509Certificate): PeerCertificate {
  // One line for each relative name, in the order of the certificate; values are escaped as RFC 2253 says, so none has a line end in it.
  const names = certificate.subject === undefined ? [] : certificate.subject.split('\n');
  const commonNames = names.flatMap((name) => name.split(' + ')).filter((attribute) => attribute.startsWith('CN='));
  const [commonName] = commonNames;
  return {
    commonName:
      commonNames.length === 1 && commonName !== undefined ? unescape(commonName.slice('CN='.length)) : undefined,
    // RFC 4514 begins with the last.
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

/** `DNS:a, IP Address:127.0.0.1, URI:"what has a comma is JSON"`. */
function alternativeNames(text: string): string[] {
  return [...text.matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)].map(([, kind = '', value = '']) => {
    const plain = value.startsWith('"') ? (JSON.parse(value) as string) : value;
    return `${kind === 'IP Address' ? 'IP' : kind}:${plain}`;
  });
}
