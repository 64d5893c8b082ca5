// The files of a TLS listener: certificate, key, and for client certificates those that sign them and those that were revoked. They are read and
// checked together, so that what is used is always a whole; a message names the file, and never shows what is in it.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';

export interface TlsOptions {
  /** Path of the certificate in PEM, followed by those between it and the root. */
  readonly cert: string;
  readonly key: string;
  /** Of the key, where it is encrypted. */
  readonly passphrase?: string | undefined;
  /** Path of the certificates that client certificates are signed with. */
  readonly ca?: string | undefined;
  /** Path of revocation lists, one for each of them. */
  readonly crl?: string | undefined;
  /** Default `none`. `optional`: a client may come without one; one that comes with a certificate that does not verify is refused. */
  readonly clientCertificate?: 'none' | 'optional' | 'required' | undefined;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** As OpenSSL writes them. */
  readonly ciphers?: string | undefined;
}

export class TlsFiles {
  readonly paths: readonly string[];
  #digest = '';

  /** @throws Error when the options do not go together. */
  constructor(readonly options: TlsOptions) {
    const { cert, key, ca, crl, clientCertificate = 'none' } = options;
    if (clientCertificate !== 'none' && ca === undefined) {
      throw new Error(
        `tls.ca is missing, expected the file of the certificates that client certificates are signed with (clientCertificate: ${clientCertificate})`,
      );
    }
    if (clientCertificate === 'none' && crl !== undefined) {
      throw new Error(
        'tls.crl is given and no client certificates are asked for, expected clientCertificate: optional or required',
      );
    }
    this.paths = [cert, key, ca, crl].filter((path) => path !== undefined);
  }

  /**
   * Reads all of them.
   * @returns `undefined` when they are as they were at the last time that they were good.
   * @throws Error whose message names the file, what is wrong with it and what was expected.
   */
  read(): SecureContextOptions | undefined {
    const { cert, key, ca, crl, passphrase, minVersion = 'TLSv1.2', ciphers } = this.options;
    const texts = new Map(this.paths.map((path) => [path, readText(path)]));
    const textOf = (path: string): string => texts.get(path) ?? '';
    const digest = createHash('sha256')
      .update(JSON.stringify([...texts]))
      .digest('hex');
    if (digest === this.#digest) return undefined;

    const [certificate] = certificatesIn(cert, textOf(cert));
    if (certificate?.checkPrivateKey(privateKeyIn(key, textOf(key), passphrase)) !== true) {
      throw new Error(`${cert} and ${key} do not belong together, expected the private key of the first certificate`);
    }
    if (ca !== undefined) certificatesIn(ca, textOf(ca));
    const context: SecureContextOptions = {
      cert: textOf(cert),
      key: textOf(key),
      minVersion,
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(ca === undefined ? {} : { ca: textOf(ca) }),
      ...(crl === undefined ? {} : { crl: revocationListsIn(crl, textOf(crl)) }),
      ...(ciphers === undefined ? {} : { ciphers }),
    };
    check(context, ciphers);
    this.#digest = digest;
    return context;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${path}: ${explainReadError(error as NodeJS.ErrnoException)}`);
  }
}

function explainReadError(error: NodeJS.ErrnoException): string {
  switch (error.code ?? '') {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
      return 'not permitted; let the user who runs hexmq read it';
    case 'EISDIR':
      return 'it is a directory, expected a file in PEM';
    default:
      return error.message;
  }
}

function blocksOf(kind: string, text: string): string[] {
  return text.match(new RegExp(`-----BEGIN ${kind}-----[^]*?-----END ${kind}-----`, 'g')) ?? [];
}

function certificatesIn(path: string, text: string): X509Certificate[] {
  const blocks = blocksOf('(?:X509 |TRUSTED )?CERTIFICATE', text);
  if (blocks.length === 0)
    throw new Error(`${path} has no certificate in it, expected PEM (-----BEGIN CERTIFICATE-----)`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`${path}: certificate ${index + 1} of ${blocks.length} cannot be read, expected PEM`);
    }
  });
}

function privateKeyIn(path: string, text: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? text : { key: text, passphrase });
  } catch (error) {
    if (passphrase === undefined && /ENCRYPTED/.test(text))
      throw new Error(`${path} is encrypted, expected tls.passphrase`);
    if (passphrase !== undefined && (error as NodeJS.ErrnoException).code === 'ERR_OSSL_BAD_DECRYPT') {
      throw new Error(`${path} cannot be decrypted: tls.passphrase is not that of this key`);
    }
    throw new Error(`${path} has no private key that can be read, expected PEM (-----BEGIN PRIVATE KEY-----)`);
  }
}

/** One by one: of several in one text only the first would be taken. */
function revocationListsIn(path: string, text: string): string[] {
  const lists = blocksOf('X509 CRL', text);
  if (lists.length === 0)
    throw new Error(`${path} has no revocation list in it, expected PEM (-----BEGIN X509 CRL-----)`);
  for (const [index, list] of lists.entries()) {
    try {
      createSecureContext({ crl: list });
    } catch {
      throw new Error(`${path}: revocation list ${index + 1} of ${lists.length} cannot be read, expected PEM`);
    }
  }
  return lists;
}

function check(context: SecureContextOptions, ciphers: string | undefined): void {
  try {
    createSecureContext(context);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_SSL_NO_CIPHER_MATCH')
      throw new Error(`tls.ciphers: "${ciphers}" names no cipher, expected a list as OpenSSL writes it`);
    throw new Error(`the certificate, the key and the options of TLS cannot be used together: ${message}`);
  }
}
