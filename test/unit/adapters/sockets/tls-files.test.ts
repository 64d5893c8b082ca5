// The files of a TLS listener: what is wrong with them, all at once, and what will surprise, such as their time.
import { afterAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { TlsFiles } from '../../../../adapters/network/sockets/tls-files.js';
import { createListener } from '../../../../adapters/network/tcp/index.js';
import { CertificateAuthority } from '../../../e2e/certificates.js';

const LOCAL = { host: '127.0.0.1', port: 0 };
const authority = new CertificateAuthority();
const server = authority.issue('server');

afterAll(() => {
  authority.remove();
});

test('everything that is wrong with the files is reported at once', () => {
  const missing = join(authority.directory, 'missing');
  let problems: readonly string[] = [];
  try {
    createListener({
      ...LOCAL,
      tls: { cert: missing, key: `${missing}.key`, ca: server.key, clientCertificate: 'optional' },
    });
  } catch (error) {
    problems = (error as AggregateError).errors.map((one) => (one as Error).message);
  }
  expect(problems).toEqual([
    `cannot read ${missing}: there is no such file`,
    `cannot read ${missing}.key: there is no such file`,
    expect.stringContaining(`${server.key} contains no certificate`),
  ]);
});

describe('certificates and their time', () => {
  const warningsOf = (tls: object): readonly string[] =>
    createListener({ ...LOCAL, tls: { ...server, ...tls } }).warnings?.() ?? [];

  test.each([
    [40, []],
    [30, [/^the certificate in \S+lasts\.crt \(CN=lasts\) ends in 29 days, on \d{4}-\d\d-\d\d$/]],
    [1, [/ends in less than a day, on /]],
    [-1, [/^the certificate in \S+lasts\.crt \(CN=lasts\) ended on \d{4}-\d\d-\d\d, so it is refused$/]],
  ])('a certificate for %d days has the warnings %j', (days, expectations) => {
    const warnings = warningsOf(authority.issue('lasts', { days }));
    expect(warnings).toEqual(expectations.map((one) => expect.stringMatching(one)));
  });

  test('a certificate that is not valid yet is named with the day', () => {
    const files = new TlsFiles(authority.issue('later', { days: 100 }));
    files.read();
    expect(files.warnings(Date.now() - 86_400_000)).toEqual([
      expect.stringMatching(/later\.crt \(CN=later\) is not valid before .+; is the clock of this machine right\?$/),
    ]);
  });

  test('a revocation list that has to be replaced, and authorities that end, are named', () => {
    const files = new TlsFiles({
      ...authority.issue('long', { days: 100 }),
      ca: authority.cert,
      crl: authority.revocationList(),
      clientCertificate: 'optional',
    });
    files.read();
    const DAY_MS = 86_400_000;
    expect(files.warnings(Date.now() - DAY_MS / 2)).toEqual([
      expect.stringMatching(/not valid before/),
      expect.anything(),
    ]);
    expect(files.warnings(Date.now() + 28.5 * DAY_MS)).toEqual([
      expect.stringMatching(/^revocation list 1 of 1 in \S+revoked\.crl has to be replaced within 1 day, by /),
    ]);
    expect(files.warnings(Date.now() + 58.5 * DAY_MS)).toContainEqual(
      expect.stringMatching(/^the authority of client certificates in .+ ends in 1 day, on /),
    );
    expect(files.warnings(Date.now() + 31 * DAY_MS)).toContainEqual(
      expect.stringMatching(/was to be replaced by .+, so every client of its authority is refused$/),
    );
  });

  test('authorities without their root are named, and refused where every client needs a certificate', () => {
    const intermediate = authority.issueAuthority('Plant 7');
    const clients = { ca: intermediate, clientCertificate: 'optional' };
    expect(warningsOf({ ...authority.issue('long', { days: 100 }), ...clients })).toContainEqual(
      expect.stringMatching(
        /^clients of the authority CN=Plant 7 in \S+ are all refused, .* CN=Test CA, is not in the file/,
      ),
    );
    expect(() => createListener({ ...LOCAL, tls: { ...server, ...clients, clientCertificate: 'required' } })).toThrow(
      /has no root certificate, so every client is refused, expected the chain of each authority$/,
    );
  });

  test('a listener has no warnings about files that last', () => {
    expect(warningsOf(authority.issue('long', { days: 100 }))).toEqual([]);
  });
});
