// The section `admin` of the configuration: how the administration is reached.
import * as z from 'zod';
import { UNIX_PATH_BYTES_MAX } from '../ports/index.js';
import { filePath, hostAndPort, tls } from './address-schema.js';
import { boolean, expected, oneOf, text } from './config-values.js';

/** Roles: `write` includes `read`. */
const role = () => oneOf('read', 'write');

/** Who has one of these certificates has the role. */
const certificate = z.strictObject(
  { commonName: text('the common name (CN) of a client certificate'), role: role() },
  expected('a common name and a role, such as { commonName: ops, role: write }'),
);

export const adminSchema = z.strictObject(
  {
    socket: z
      .union(
        [
          z.literal('off'),
          z
            .string()
            .min(1)
            .refine((path) => Buffer.byteLength(path) <= UNIX_PATH_BYTES_MAX),
        ],
        expected(`off, or the path of a socket, ${UNIX_PATH_BYTES_MAX} bytes at most`),
      )
      .optional(),
    ...hostAndPort,
    tls: tls.optional(),
    tokens: filePath('tokens, as hexmq token writes it').optional(),
    certificates: z
      .array(certificate, expected('a list, such as [{ commonName: ops, role: write }]'))
      .min(1, expected('at least one certificate'))
      .optional(),
    dashboard: boolean().optional(),
  },
  expected('a mapping, such as { port: 7883, tokens: ./tokens }'),
);

export const ADMIN_KEYS = Object.keys(adminSchema.shape);
export const CERTIFICATE_KEYS = Object.keys(certificate.shape);

/** The Unix socket of the administration. */
export interface AdminSocket {
  readonly path: string;
  /** Whether the configuration names it. A socket that it does not name is no reason for a start to fail. */
  readonly isConfigured: boolean;
}

/** An address at which the administration is reached over HTTP. */
export interface AdminHttpConfig {
  readonly host: string;
  readonly port: number;
  readonly tls?: z.output<typeof tls> | undefined;
  readonly tokens?: string | undefined;
  readonly certificates?: readonly z.output<typeof certificate>[] | undefined;
  /** Whether the dashboard is served. Default: true. */
  readonly dashboard?: boolean | undefined;
}
