// Certificates for tests, created with openssl on demand, so that no stored file can expire.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export class CertificateAuthority {
  readonly directory = mkdtempSync(join(tmpdir(), 'hexmq-certificates-'));
  readonly cert = join(this.directory, 'ca.crt');
  readonly #key = join(this.directory, 'ca.key');
  readonly #config = join(this.directory, 'ca.cnf');
  readonly #revoked = new Set<Issued>();

  constructor(name = 'Test CA') {
    const database = join(this.directory, 'index.txt');
    writeFileSync(database, '');
    writeFileSync(join(this.directory, 'crlnumber'), '01\n');
    writeFileSync(
      this.#config,
      `[ca]\ndefault_ca=this\n[this]\ndatabase=${database}\ncrlnumber=${join(this.directory, 'crlnumber')}\n` +
        'default_md=sha256\ndefault_crl_days=30\n' +
        `certificate=${this.cert}\nprivate_key=${this.#key}\n[req]\ndistinguished_name=dn\n[dn]\n`,
    );
    openssl(
      'req',
      '-x509',
      '-nodes',
      ...EC,
      '-keyout',
      this.#key,
      '-out',
      this.cert,
      '-days',
      '60',
      '-subj',
      `/CN=${name}`,
      '-config',
      this.#config,
      ...CA_EXTENSIONS,
    );
  }

  /** @param days of validity; negative for an expired certificate. @param usage such as `serverAuth`. */
  issue(
    name: string,
    {
      subject = `/CN=${name}`,
      alternativeNames = 'DNS:localhost,IP:127.0.0.1,IP:::1',
      // A listener warns of certificates that end within 30.
      days = 60,
      usage = undefined as string | undefined,
    } = {},
  ): Issued {
    const path = (suffix: string): string => join(this.directory, `${name}.${suffix}`);
    const issued = { cert: path('crt'), key: path('key') };
    const extendedUsage = usage === undefined ? '' : `extendedKeyUsage=${usage}\n`;
    this.#issue(issued, subject, days, `subjectAltName=${alternativeNames}\n${extendedUsage}`);
    return issued;
  }

  /** A certificate of an authority below this one. @returns its path. */
  issueAuthority(name: string): string {
    const path = (suffix: string): string => join(this.directory, `${name.replaceAll(' ', '-')}.${suffix}`);
    this.#issue({ cert: path('crt'), key: path('key') }, `/CN=${name}`, 100, 'basicConstraints=critical,CA:TRUE\n');
    return path('crt');
  }

  #issue(issued: Issued, subject: string, days: number, extensions: string): void {
    const path = (suffix: string): string => issued.cert.replace(/crt$/, suffix);
    writeFileSync(path('ext'), extensions);
    openssl(
      'req',
      '-new',
      '-nodes',
      ...EC,
      '-keyout',
      issued.key,
      '-out',
      path('csr'),
      '-subj',
      subject,
      '-config',
      this.#config,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      path('csr'),
      '-CA',
      this.cert,
      '-CAkey',
      this.#key,
      '-CAcreateserial',
      '-days',
      String(days),
      '-extfile',
      path('ext'),
      '-out',
      issued.cert,
    );
  }

  /** Writes a list of everything revoked so far. */
  revocationList(...revoked: readonly Issued[]): string {
    const path = join(this.directory, 'revoked.crl');
    for (const { cert } of revoked.filter((one) => !this.#revoked.has(one)))
      openssl('ca', '-config', this.#config, '-revoke', cert);
    for (const one of revoked) this.#revoked.add(one);
    openssl('ca', '-config', this.#config, '-gencrl', '-out', path);
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const CA_EXTENSIONS = [
  '-addext',
  'basicConstraints=critical,CA:TRUE',
  '-addext',
  'keyUsage=critical,keyCertSign,cRLSign',
];

export function openssl(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? stderr}`);
}
