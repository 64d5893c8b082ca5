// Where PostgreSQL is, from Debian's package or on the path.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian puts each version. */
const DEBIAN = '/usr/lib/postgresql';

interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresqlPrograms {
  /** The folder of initdb and postgres. */
  readonly folder: string;
  /** Whom they run as, where that is not the user of the tests. */
  readonly account: Account | undefined;
}

/** `undefined` if tests cannot start a server here. */
export function postgresqlPrograms(): PostgresqlPrograms | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ];
  const folder = folders.find((each) => existsSync(join(each, 'initdb')) && existsSync(join(each, 'postgres')));
  const account = accountOf('postgres');
  const isRoot = process.getuid?.() === 0;
  if (folder === undefined || (isRoot && account === undefined)) return undefined;
  return { folder, account: isRoot ? account : undefined };
}

function accountOf(name: string): Account | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
