// The import rules about packages: each is known in one place, and can be replaced there. `.dependency-cruiser.cjs` has
// the other rules.

/** A pattern for packages, matched by the path at which they are installed. */
const packages = (...names) => `(^|/)node_modules/(${names.join('|')})/`;

/** @type {import('dependency-cruiser').IConfiguration['forbidden']} */
const PACKAGE_RULES = [
  {
    name: 'websockets-only-in-their-adapter',
    comment: 'WebSocket framing concerns one adapter; the rest of the broker sees a stream of bytes.',
    severity: 'error',
    from: { pathNot: ['^adapters/network/websocket/', '^test/'] },
    to: { path: packages('ws') },
  },
  {
    name: 'mongodb-only-in-its-adapters',
    comment:
      'Only the adapters that write the journal and look up users need the driver; everything else uses the ' + 'port.',
    severity: 'error',
    from: { pathNot: ['^adapters/(storage|auth)/mongodb/', '^test/'] },
    to: { path: packages('mongodb', 'bson') },
  },
  {
    name: 'level-only-in-the-file-adapter',
    comment: 'The storage engine under file storage can be replaced by changing one folder.',
    severity: 'error',
    // The benchmarks measure the build, not the sources.
    from: { pathNot: ['^(dist/)?adapters/storage/file/', '^test/'] },
    to: { path: packages('classic-level', 'abstract-level') },
  },
  {
    name: 'pino-only-in-the-log',
    comment: 'Nothing else writes a log: the broker emits events, and the log is one of their observers.',
    severity: 'error',
    from: { pathNot: ['^adapters/observability/log/', '^test/'] },
    to: { path: packages('pino') },
  },
  {
    name: 'jose-only-in-the-jwt-adapter',
    comment: 'Signatures are verified in one place; everything else gets an answer about a client.',
    severity: 'error',
    from: { pathNot: ['^adapters/auth/jwt/', '^test/'] },
    to: { path: packages('jose') },
  },
  {
    name: 'commander-only-in-the-command',
    comment: 'Flags are one of several ways to configure a broker.',
    severity: 'error',
    from: { pathNot: '^(src/cli|test)/' },
    to: { path: packages('commander') },
  },
  {
    name: 'configuration-libraries-only-in-composition',
    comment:
      'The composition hands out checked and typed settings: no other code parses or validates a ' + 'configuration.',
    severity: 'error',
    from: { path: '^(src|adapters)/', pathNot: '^src/composition/' },
    to: { path: packages('yaml') },
  },
  {
    name: 'packages-are-found-in-one-place',
    comment: 'How the name of a package becomes a module is for one file to know.',
    severity: 'error',
    from: { path: '^(src|adapters)/', pathNot: '^src/composition/plugins/packages\\.ts$' },
    to: { path: packages('import-meta-resolve') },
  },
  {
    name: 'schemas-only-for-configuration-and-administration',
    comment:
      'Two things come from people and programs outside and are checked by schemas: the configuration, and requests ' +
      'to the administration.',
    severity: 'error',
    from: { path: '^(src|adapters)/', pathNot: '^src/(composition|administration)/' },
    to: { path: packages('zod') },
  },
  {
    name: 'fastify-only-in-the-admin-adapter',
    comment: 'HTTP is one way to reach the administration; the operations know nothing of it.',
    severity: 'error',
    from: { pathNot: ['^adapters/admin/http/', '^test/'] },
    to: { path: packages('fastify') },
  },
];

module.exports = { packages, PACKAGE_RULES };
