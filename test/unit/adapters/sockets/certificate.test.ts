// Describing a certificate, including names with special characters.
import { afterAll, expect, test } from '@jest/globals';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeCertificate } from '../../../../adapters/network/sockets/certificate.js';
import { openssl } from '../../../e2e/certificates.js';

const directory = mkdtempSync(join(tmpdir(), 'hexmq-certificate-'));

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function certificate(names: string, alternatives: string): X509Certificate {
  const [config, key, cert] = ['request.cnf', 'one.key', 'one.crt'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    config,
    [
      '[req]\ndistinguished_name=dn\nprompt=no\nutf8=yes\nstring_mask=utf8only\nx509_extensions=ext',
      `[dn]\n${names}\n[ext]\n${alternatives}`,
      '[other]\nCN=x, y\n',
    ].join('\n'),
  );
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '1',
    '-config',
    config,
  );
  return new X509Certificate(readFileSync(cert));
}

test('a certificate is described by its common name, subject, alternative names and fingerprint', () => {
  const made = certificate(
    'O=Plant\nCN=meter-7',
    'subjectAltName=DNS:meter-7,URI:urn:plant:meter-7,email:m7@plant.example,IP:10.0.0.7,IP:::1',
  );
  expect(describeCertificate(made)).toEqual({
    commonName: 'meter-7',
    subject: 'CN=meter-7,O=Plant',
    subjectAlternativeNames: [
      'DNS:meter-7',
      'URI:urn:plant:meter-7',
      'email:m7@plant.example',
      'IP:10.0.0.7',
      'IP:0:0:0:0:0:0:0:1',
    ],
    fingerprint: createHash('sha256').update(made.raw).digest('hex'),
  });
});

test('special characters in certificate names are escaped, and unescaped in the common name', () => {
  const made = certificate(
    'O=Pl+ant, x\nOU=a\n+OU=b\nCN=Zähler\\\\41 7=, CN=other',
    'subjectAltName=@alt\n[alt]\nURI.1=urn:a,DNS:b\ndirName.1=other',
  );
  expect(describeCertificate(made)).toMatchObject({
    commonName: 'Zähler\\41 7=, CN=other',
    subject: 'CN=Zähler\\\\41 7=\\, CN=other,OU=a+OU=b,O=Pl\\+ant\\, x',
    subjectAlternativeNames: ['URI:urn:a,DNS:b', 'DirName:CN=x\\, y'],
  });
});

test('a certificate with no common name, or with several, has none', () => {
  expect(describeCertificate(certificate('O=Plant', 'keyUsage=digitalSignature'))).toMatchObject({
    commonName: undefined,
    subject: 'O=Plant',
    subjectAlternativeNames: [],
  });
  expect(describeCertificate(certificate('0.CN=a\n1.CN=b', 'keyUsage=digitalSignature'))).toMatchObject({
    commonName: undefined,
    subject: 'CN=b,CN=a',
  });
  expect(describeCertificate(certificate('CN=a\n+CN=b', 'keyUsage=digitalSignature')).commonName).toBeUndefined();
});
