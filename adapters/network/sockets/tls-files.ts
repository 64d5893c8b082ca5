// The files of a TLS listener: certificate, key, and for client certificates the issuing authorities and revocation
// lists. They are read and checked together, so that a listener never uses files that do not match. Error messages name
// the file and never show its content.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import { readRegularFileSync } from 'hexmq/ports';
import { lacksRoot, validityWarnings } from './tls-validity.js';
import type { TlsContent } from './tls-validity.js';

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
  #content: TlsContent | undefined;

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
   * @throws Error naming the file, what is wrong with it and what was expected; an AggregateError of those for several.
   */
  read(): SecureContextOptions | undefined {
    const problems = new Problems();
    const texts = new Map(this.paths.map((path) => [path, problems.attempt(() => readText(path))]));
    const digest = createHash('sha256')
      .update(JSON.stringify([...texts]))
      .digest('hex');
    if (digest === this.#digest) return undefined;
    const content = this.#parse(texts, problems);
    problems.throwIfAny();
    const context = this.#contextOf(texts);
    check(context, this.options.ciphers);
    this.#digest = digest;
    this.#content = content;
    return context;
  }

  /** What will surprise about the files as they were read, at this moment of the world's clock. */
  warnings(nowMs = Date.now()): readonly string[] {
    return this.#content === undefined ? [] : validityWarnings(this.#content, nowMs);
  }

  /** Files that could not be read are `undefined`: nothing more is said about them. */
  #parse(texts: ReadonlyMap<string, string | undefined>, problems: Problems): TlsContent | undefined {
    const { cert, key, ca, crl, passphrase, clientCertificate } = this.options;
    const parse = <T>(path: string | undefined, how: (path: string, text: string) => T): T | undefined => {
      const text = path === undefined ? undefined : texts.get(path);
      return path === undefined || text === undefined ? undefined : problems.attempt(() => how(path, text));
    };
    const own = parse(cert, certificatesIn);
    const privateKey = parse(key, (path, text) => privateKeyIn(path, text, passphrase));
    if (own?.[0] !== undefined && privateKey !== undefined && !own[0].checkPrivateKey(privateKey))
      problems.add(`${cert} and ${key} do not match, expected the private key of the first certificate`);
    const authorities = parse(ca, certificatesIn);
    const lists = parse(crl, revocationListsIn);
    if (own === undefined) return undefined;
    const content: TlsContent = {
      own: { path: cert, certificates: own },
      ca: ca === undefined || authorities === undefined ? undefined : { path: ca, certificates: authorities },
      crl: crl === undefined || lists === undefined ? undefined : { path: crl, lists },
    };
    if (clientCertificate === 'required' && content.ca !== undefined && lacksRoot(content.ca))
      problems.add(`${ca} has no root certificate, so every client is refused, expected the chain of each authority`);
    return content;
  }

  #contextOf(texts: ReadonlyMap<string, string | undefined>): SecureContextOptions {
    const { cert, key, ca, crl, passphrase, minVersion = 'TLSv1.2', ciphers } = this.options;
    const textOf = (path: string): string => texts.get(path) ?? '';
    return {
      cert: textOf(cert),
      key: textOf(key),
      minVersion,
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(ca === undefined ? {} : { ca: textOf(ca) }),
      ...(crl === undefined ? {} : { crl: revocationListsIn(crl, textOf(crl)) }),
      ...(ciphers === undefined ? {} : { ciphers }),
    };
  }
}

/** Collects what is wrong with the files, so that all of it is reported at once. */
class Problems {
  readonly #found: string[] = [];

  add(problem: string): void {
    this.#found.push(problem);
  }

  attempt<T>(step: () => T): T | undefined {
    try {
      return step();
    } catch (error) {
      this.add((error as Error).message);
      return undefined;
    }
  }

  throwIfAny(): void {
    const [first, ...others] = this.#found;
    if (first === undefined) return;
    if (others.length === 0) throw new Error(first);
    throw new AggregateError(
      this.#found.map((problem) => new Error(problem)),
      this.#found.join('; '),
    );
  }
}

function readText(path: string): string {
  try {
    return readRegularFileSync(path).toString('utf8');
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
