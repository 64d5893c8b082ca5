// Keys of everything that listens on a port, whether for clients or for the administration: the address, and TLS.
import * as z from 'zod';
import { expected, integer, oneOf, text } from './config-values.js';
import { isHost } from './hosts.js';

const HOST =
  'an address such as 127.0.0.1 or ::1, 0.0.0.0 for all addresses, or a host name; the port has a key of its own';

export const hostAndPort = {
  host: z.string(expected(HOST)).refine(isHost, expected(HOST)).optional(),
  port: integer(0, 65_535, ' (0: any free port)').optional(),
};

const SECRET = { error: () => 'not valid, expected the passphrase of the key, in quotes' };

export const filePath = (what: string) => text(`the path of a file: ${what}`);

export const tls = z.strictObject(
  {
    cert: filePath('a certificate in PEM'),
    key: filePath('its private key in PEM'),
    // The value is a secret, also when it is not valid, so no message shows it.
    passphrase: z.string(SECRET).min(1, SECRET).optional(),
    ca: filePath('the certificates, in PEM, that client certificates are signed with').optional(),
    crl: filePath('revocation lists in PEM').optional(),
    clientCertificate: oneOf('none', 'optional', 'required').optional(),
    minVersion: oneOf('TLSv1.2', 'TLSv1.3').optional(),
    ciphers: text('a list of ciphers as OpenSSL writes it').optional(),
  },
  expected('a mapping, such as { cert: server.crt, key: server.key }'),
);

export const TLS_KEYS = Object.keys(tls.shape);
