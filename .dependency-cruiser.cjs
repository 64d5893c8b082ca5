// Who may import what: the hexagon as rules that a build can fail on. Each has a name, so that a failing one says what it protects, and a
// sentence that says why. `test/architecture/dependency-rules.test.ts` proves that every one of them bites.

/** Packages are matched by where they are found. */
const packages = (...names) => `(^|/)node_modules/(${names.join('|')})/`;
const ANY_PACKAGE = '(^|/)node_modules/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Two modules that need each other are one module in two files, and one that is only needed for its types is needed to be understood.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-unresolved',
      comment: 'An import that leads nowhere is one that the rules below do not see.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'protocol-imports-only-itself',
      comment:
        'The protocol is pure functions of bytes: it knows neither the broker nor the machine, so anyone can use and test it alone.',
      severity: 'error',
      from: { path: '^src/protocol/' },
      to: { pathNot: '^src/protocol/' },
    },
    {
      name: 'domain-imports-only-itself-and-protocol',
      comment:
        'The rules are synchronous and deterministic, with no I/O, no clock and no randomness; whatever they need of the world is an argument.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: '^src/(domain|protocol)/' },
    },
    {
      name: 'domain-takes-types-of-protocol',
      comment:
        'The domain speaks of packets and never encodes or decodes one; only reason codes and packet types are values that it needs.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: {
        path: '^src/protocol/',
        pathNot: '^src/protocol/(packets|reason-codes)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'ports-take-types-only',
      comment:
        'The ports are what adapters compile against: interfaces, tokens and errors. Whatever they pulled in, every adapter would.',
      severity: 'error',
      from: { path: '^src/ports/' },
      to: { pathNot: '^src/ports/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'ports-know-only-domain-and-protocol',
      comment: 'The ports are said in the words of the core; of inversify they need the type of a token.',
      severity: 'error',
      from: { path: '^src/ports/' },
      to: { pathNot: ['^src/(ports|domain|protocol)/', packages('inversify')] },
    },
    {
      name: 'application-knows-only-the-core',
      comment:
        'The shell drives the core through the ports. It gets time, sockets and storage handed in, which is what lets a simulation hand in others.',
      severity: 'error',
      from: { path: '^src/application/' },
      to: { pathNot: '^src/(application|domain|protocol|ports)/' },
    },
    {
      name: 'testkit-needs-no-test-runner',
      comment:
        'Authors of adapters run the contract suites in whatever runner they have, so the suites take `describe` and `test` as arguments.',
      severity: 'error',
      from: { path: '^src/testkit/' },
      to: { pathNot: ['^src/(testkit|ports|application)/', '^src/(domain|protocol)/', packages('fast-check')] },
    },
    {
      name: 'testkit-takes-types-of-the-core',
      comment: 'The suites test an adapter against the port; a value of the core would test it against our insides.',
      severity: 'error',
      // The clients of the simulation speak MQTT: to them the codec is a tool.
      from: { path: '^src/testkit/', pathNot: '^src/testkit/simulation/' },
      to: {
        path: '^src/(domain|protocol)/',
        pathNot: [
          '^src/protocol/(packets|reason-codes)\\.ts$',
          '^src/domain/(identifiers|connect/limits|delivery/message)\\.ts$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'simulation-takes-only-the-codec',
      comment:
        'The simulation judges the broker from outside: of the core it may know how packets are written and what the limits are called.',
      severity: 'error',
      from: { path: '^src/testkit/simulation/' },
      to: {
        path: '^src/(domain|protocol)/',
        pathNot: [
          '^src/protocol/(packets|reason-codes|encoder|decoder)\\.ts$',
          '^src/domain/(identifiers|connect/limits|delivery/message)\\.ts$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'container-only-in-composition',
      comment: 'One place wires objects together. A class that can reach the container hides what it depends on.',
      severity: 'error',
      from: { pathNot: ['^src/composition/', '^test/unit/composition/'] },
      to: { path: packages('inversify', '@inversifyjs', 'reflect-metadata'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'adapters-named-only-in-the-table',
      comment:
        'Which adapters there are is said in one table, and they are loaded from there when a configuration names them.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/composition/adapter-table\\.ts$' },
      to: { path: '^adapters/' },
    },
    {
      name: 'adapters-loaded-dynamically',
      comment: 'A broker on files should not need the driver of a database to be installed.',
      severity: 'error',
      from: { path: '^src/composition/adapter-table\\.ts$' },
      to: { path: '^adapters/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'adapters-know-only-the-ports',
      comment: 'An adapter of ours uses what an adapter of anyone may use. If it needs more, the port lacks something.',
      severity: 'error',
      from: { path: '^adapters/' },
      to: { path: '^src/', pathNot: '^src/ports/index\\.ts$' },
    },
    {
      name: 'adapters-reach-the-ports-by-package-name',
      comment:
        '`hexmq/ports`, never a path: a folder of adapters can be moved into a package of its own without touching a line.',
      severity: 'error',
      from: { path: '^adapters/' },
      to: { path: '^src/', dependencyTypes: ['local'] },
    },
    {
      name: 'adapters-do-not-know-each-other',
      comment: 'Each can be left out, replaced or moved away alone.',
      severity: 'error',
      from: { path: '^adapters/([^/]+/[^/]+)/' },
      to: {
        path: '^adapters/',
        pathNot: ['^adapters/$1/', '^adapters/network/sockets/', '^adapters/auth/(fetching|passwords)/'],
      },
    },
    {
      name: 'socket-code-only-in-network-adapters',
      comment:
        'The folder sockets is no adapter but what the listeners on sockets share (addresses, TLS, what proxies say): MQTT on a stream and in ' +
        'WebSockets must not differ in whom they let in. It knows none of them, and nobody else needs it.',
      severity: 'error',
      from: { pathNot: ['^adapters/network/', '^test/'] },
      to: { path: '^adapters/network/sockets/' },
    },
    {
      name: 'login-code-only-in-auth-adapters',
      comment:
        'The folders fetching and passwords are no adapters but what several share: how a web server is asked, and what the hash of a password is.',
      severity: 'error',
      from: { pathNot: ['^adapters/auth/', '^test/'] },
      to: { path: '^adapters/auth/(fetching|passwords)/' },
    },
    {
      name: 'websockets-only-in-their-adapter',
      comment: 'What a frame is, the rest of the broker need not know.',
      severity: 'error',
      from: { pathNot: ['^adapters/network/websocket/', '^test/'] },
      to: { path: packages('ws') },
    },
    {
      name: 'mongodb-only-in-its-adapters',
      comment:
        'The driver is used where the journal is written and where users are looked up; everyone else speaks to the port.',
      severity: 'error',
      from: { pathNot: ['^adapters/(storage|auth)/mongodb/', '^test/'] },
      to: { path: packages('mongodb', 'bson') },
    },
    {
      name: 'level-only-in-the-file-adapter',
      comment: 'The engine of the file storage can be changed by changing one folder.',
      severity: 'error',
      // What is measured is what was built.
      from: { pathNot: ['^(dist/)?adapters/storage/file/', '^test/'] },
      to: { path: packages('classic-level', 'abstract-level') },
    },
    {
      name: 'pino-only-in-the-log',
      comment: 'Nobody logs: things happen, and the log is one of those who are told.',
      severity: 'error',
      from: { pathNot: ['^adapters/observability/log/', '^test/'] },
      to: { path: packages('pino') },
    },
    {
      name: 'jose-only-in-the-jwt-adapter',
      comment: 'What a signature is worth is said in one place; everyone else gets an answer about a client.',
      severity: 'error',
      from: { pathNot: ['^adapters/auth/jwt/', '^test/'] },
      to: { path: packages('jose') },
    },
    {
      name: 'sockets-only-in-network-adapters',
      comment:
        'A socket opened elsewhere is one that the simulation does not control and the listener settings do not reach.',
      severity: 'error',
      from: { path: '^(src|adapters)/', pathNot: '^adapters/(network|observability)/' },
      to: { path: '^(node:)?(net|tls|http|https|http2|dgram)$', dependencyTypes: ['core'] },
    },
    {
      name: 'composition-stays-below-the-command',
      comment: 'The command and the embedding program use the composition, not the other way round.',
      severity: 'error',
      from: { path: '^src/composition/' },
      to: { path: '^src/(cli/|index\\.ts$)' },
    },
    {
      name: 'command-goes-through-composition',
      comment:
        'The command reads flags and prints; a broker is put together in one place only. Of the ports it needs the errors that it tells.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^(src|adapters)/', pathNot: '^src/(cli|composition|ports)/' },
    },
    {
      name: 'commander-only-in-the-command',
      comment: 'Flags are one way among others to configure a broker.',
      severity: 'error',
      from: { pathNot: '^(src/cli|test)/' },
      to: { path: packages('commander') },
    },
    {
      name: 'configuration-libraries-only-in-composition',
      comment:
        'What comes out of the composition is checked and typed: nobody else parses or validates a configuration.',
      severity: 'error',
      from: { path: '^(src|adapters)/', pathNot: '^src/composition/' },
      to: { path: packages('zod', 'yaml') },
    },
    {
      name: 'production-imports-no-tests',
      comment: 'What is only there for tests is not shipped.',
      severity: 'error',
      from: { path: '^(src|adapters)/' },
      to: { path: ['^test/', packages('@jest', 'jest', 'mqtt', 'mqtt-packet')] },
    },
    {
      name: 'declared-dependencies-only',
      comment: 'What ships may only need what an installation brings.',
      severity: 'error',
      from: { path: '^(src|adapters)/', pathNot: '^src/testkit/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'e2e-knows-nothing-of-ours',
      comment:
        'The end-to-end tests drive the built command with clients that others wrote, as a user does: whatever they imported would no longer be tested.',
      severity: 'error',
      from: { path: '^test/e2e/' },
      to: { path: ['^(src|adapters|dist)/', '^test/(?!e2e/|support/mongodb)'] },
    },
  ],
  options: {
    doNotFollow: { path: ANY_PACKAGE },
    // Types count: a rule about who knows whom is about `import type` as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: `${__dirname}/tsconfig.json` },
    webpackConfig: { fileName: `${__dirname}/test/architecture/own-name.cjs` },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
