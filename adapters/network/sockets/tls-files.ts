// The files of a TLS listener: certificate, key, and for client certificates the issuing authorities and revocation
// lists. They are read and checked together, so that a listener never uses files that do not match. Error messages name
// the file and never show its content.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';

export interface TlsOptions {
  /** Path of the certificate in PEM, followed by the intermediate certificates. */
  readonly cert: string;
  /** Path of the private key in PEM. */
  readonly key: string;
  /** Passphrase of an encrypted key. */
  readonly passphrase?: string | undefined;
  /** Path of the authorities' certificates that verify client certificates, in PEM. */
  readonly ca?: string | undefined;
  /** Path of the revocation lists in PEM, one for each authority. */
  readonly crl?: string | undefined;
  /** Default `none`. With `optional` a client may omit its certificate, but an invalid one is refused. */
  readonly clientCertificate?: 'none' | 'optional' | 'required' | undefined;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** An OpenSSL cipher list. Default: Node's. */
  readonly ciphers?: string | undefined;
}

export class TlsFiles {
  readonly paths: readonly string[];
  #digest = '';

  /** @throws Error if the options contradict each other. */
  constructor(readonly options: TlsOptions) {
    const { cert, key, ca, crl, clientCertificate = 'none' } = options;
    if (clientCertificate !== 'none' && ca === undefined) {
      throw new Error(
        'tls.ca is missing, expected the file of the authorities that sign client certificates ' +
          `(clientCertificate: ${clientCertificate})`,
      );
    }
    if (clientCertificate === 'none' && crl !== undefined) {
      throw new Error(
        'tls.crl is set, but client certificates are not requested, expected clientCertificate: optional or required',
      );
    }
    this.paths = [cert, key, ca, crl].filter((path) => path !== undefined);
  }

  /**
   * Reads and checks all files.
   * @returns `undefined` if they are the same as in the last successful call.
   * @throws Error naming the file, what is wrong with it and what was expected.
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
      throw new Error(`${cert} and ${key} do not match, expected the private key of the first certificate`);
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
      return 'it is a directory, expected a PEM file';
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
    throw new Error(`${path} contains no certificate, expected PEM (-----BEGIN CERTIFICATE-----)`);
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
      throw new Error(`${path} cannot be decrypted: tls.passphrase is wrong for this key`);
    }
    throw new Error(`${path} contains no readable private key, expected PEM (-----BEGIN PRIVATE KEY-----)`);
  }
}

/** Separately, because OpenSSL would use only the first list of a file. */
function revocationListsIn(path: string, text: string): string[] {
  const lists = blocksOf('X509 CRL', text);
  if (lists.length === 0)
    throw new Error(`${path} contains no revocation list, expected PEM (-----BEGIN X509 CRL-----)`);
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
      throw new Error(`tls.ciphers: "${ciphers}" matches no cipher, expected an OpenSSL cipher list`);
    throw new Error(`the certificate, the key and the TLS options cannot be used together: ${message}`);
  }
}
