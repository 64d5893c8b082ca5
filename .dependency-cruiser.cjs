// The import rules: the hexagon as checks that fail the build. Each rule has a name, so that a failure says what is
// protected, and a sentence that says why. `test/architecture/dependency-rules.test.ts` proves for each that it rejects
// a violation.

const { packages, PACKAGE_RULES } = require('./.dependency-cruiser-packages.cjs');

const ANY_PACKAGE = '(^|/)node_modules/';

/**
 * Rules that make the imports between the folders run one way: a folder may import from those in earlier rows only.
 * Folders that are in one row may not import each other, except `access`, which uses `topics`.
 */
function folderOrder(root, rows) {
  return rows.flatMap((row, i) =>
    row.map((folder) => {
      const beside = row.filter((other) => other !== folder && !(folder === 'access' && other === 'topics'));
      return {
        name: `domain-folders-run-one-way-from-${folder}`,
        comment:
          'Imports between the folders of the domain run one way: to read one folder, only those below it are needed.',
        severity: 'error',
        from: { path: `^${root}/${folder}/` },
        to: { path: `^${root}/(${[...beside, ...rows.slice(i + 1).flat(), 'broker\\.ts'].join('|')})` },
      };
    }),
  );
}

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Two modules that need each other are one module in two files. Type-only cycles count too: neither ' +
        'file can be understood alone.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-unresolved',
      comment: 'The rules below cannot see an import that does not resolve.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'protocol-imports-only-itself',
      comment:
        'The protocol is pure functions of bytes. It knows neither the broker nor the machine, so it can be ' +
        'used and tested alone.',
      severity: 'error',
      from: { path: '^src/protocol/' },
      to: { pathNot: '^src/protocol/' },
    },
    {
      name: 'domain-imports-only-itself-and-protocol',
      comment:
        'The rules of MQTT are synchronous and deterministic, with no I/O, clock or randomness; whatever they ' +
        'need from outside is an argument.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: '^src/(domain|protocol)/' },
    },
    {
      name: 'domain-takes-types-of-protocol',
      comment:
        'The domain handles packets but never encodes or decodes one; the only values it needs are reason ' +
        'codes and packet types, what a packet or a payload is like on the wire, and User Properties, which stay ' +
        'encoded.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: {
        path: '^src/protocol/',
        pathNot: '^src/protocol/(packets|reason-codes|packet-size|payload-format|user-properties)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    ...folderOrder('src/domain', [
      ['access', 'messages', 'topics'],
      ['queues'],
      ['routing'],
      ['session', 'publish'],
      ['connect'],
      ['handlers', 'in-process'],
    ]),
    {
      name: 'ports-take-types-only',
      comment:
        'Adapters compile against the ports: interfaces, tokens and errors. Every module that a port imported ' +
        'would be loaded by every adapter. Adapters that store messages make User Properties, interceptors and ' +
        'authenticators answer with Reason Codes, and many adapters read files.',
      severity: 'error',
      from: { path: '^src/ports/', pathNot: '^src/ports/regular-file\\.ts$' },
      to: { pathNot: '^src/(ports/|protocol/(reason-codes|user-properties)\\.ts$)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'ports-know-only-domain-and-protocol',
      comment: 'The ports are defined in the terms of the core; of inversify they need only the type of a token.',
      severity: 'error',
      from: { path: '^src/ports/', pathNot: '^src/ports/regular-file\\.ts$' },
      to: { pathNot: ['^src/(ports|domain|protocol)/', packages('inversify')] },
    },
    {
      name: 'application-knows-only-the-core',
      comment:
        'The shell drives the core through the ports. It receives time, sockets and storage, so a simulation ' +
        'can supply its own.',
      severity: 'error',
      from: { path: '^src/application/' },
      to: { pathNot: '^src/(application|domain|protocol|ports)/' },
    },
    {
      name: 'testkit-needs-no-test-runner',
      comment: 'Adapter authors choose their test runner: the suites take `describe` and `test` as arguments.',
      severity: 'error',
      from: { path: '^src/testkit/', pathNot: '^src/testkit/(storage-crash|plugin-contract)/' },
      to: { pathNot: ['^src/(testkit|ports|application)/', '^src/(domain|protocol)/', packages('fast-check')] },
    },
    {
      name: 'the-plugin-kit-uses-the-host',
      comment: 'The contract of plugins has the host make them: what the broker refuses, the kit refuses.',
      severity: 'error',
      from: { path: '^src/testkit/plugin-contract/' },
      to: { pathNot: ['^src/(testkit|ports|application|plugin)/', '^src/composition/plugin-trial\\.ts$'] },
    },
    {
      name: 'the-crash-kit-starts-processes',
      comment: 'The crash contract of storage kills a process, and is the only kit that needs Node itself.',
      severity: 'error',
      from: { path: '^src/testkit/storage-crash/' },
      to: { pathNot: ['^src/(testkit|ports)/', '^(node:)?(child_process|fs|readline)$'] },
    },
    {
      name: 'testkit-takes-types-of-the-core',
      comment:
        'The suites test an adapter against the port; a value from the core would test it against the ' +
        'internals of the broker.',
      severity: 'error',
      // The simulation's clients speak MQTT and need the codec as a tool.
      from: { path: '^src/testkit/', pathNot: '^src/testkit/simulation/' },
      to: {
        path: '^src/(domain|protocol)/',
        pathNot: [
          '^src/protocol/(packets|reason-codes)\\.ts$',
          '^src/domain/(identifiers|limits|messages/message)\\.ts$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'simulation-takes-only-the-codec',
      comment:
        'The simulation judges the broker from outside: of the core it may know the packet encoding and the ' +
        'names of the limits.',
      severity: 'error',
      from: { path: '^src/testkit/simulation/' },
      to: {
        path: '^src/(domain|protocol)/',
        pathNot: [
          '^src/protocol/(packets|reason-codes|encoder|decoder)\\.ts$',
          '^src/domain/(identifiers|limits|messages/message)\\.ts$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'container-only-in-composition',
      comment: 'One place wires objects together. A class that can reach the container hides its dependencies.',
      severity: 'error',
      from: { pathNot: ['^src/(composition|plugin)/', '^test/unit/(composition|plugins)/'] },
      to: { path: packages('inversify', '@inversifyjs', 'reflect-metadata'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'plugin-definitions-know-nothing-of-the-broker',
      comment:
        'A plugin is defined with this folder and the ports alone: it can be written, compiled and tested without a ' +
        'broker.',
      severity: 'error',
      from: { path: '^src/plugin/' },
      to: { pathNot: ['^src/plugin/', packages('inversify')] },
    },
    {
      name: 'adapters-named-only-in-the-table',
      comment: 'One table lists the adapters, and they are loaded from there when a configuration names them.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/composition/adapter-table\\.ts$' },
      to: { path: '^adapters/' },
    },
    {
      name: 'adapters-loaded-dynamically',
      comment: 'A broker that stores in files should not need a database driver to be installed.',
      severity: 'error',
      from: { path: '^src/composition/adapter-table\\.ts$' },
      to: { path: '^adapters/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'adapters-know-only-the-ports',
      comment:
        'A built-in adapter uses what any third-party adapter may use. If it needs more, the port lacks ' +
        'something.',
      severity: 'error',
      from: { path: '^adapters/' },
      to: { path: '^src/', pathNot: '^src/ports/index\\.ts$' },
    },
    {
      name: 'adapters-reach-the-ports-by-package-name',
      comment:
        '`hexmq/ports`, never a path: a folder of adapters can move into a package of its own without a ' +
        'changed line.',
      severity: 'error',
      from: { path: '^adapters/' },
      to: { path: '^src/', dependencyTypes: ['local'] },
    },
    {
      name: 'adapters-do-not-know-each-other',
      comment: 'Each adapter can be omitted, replaced or moved on its own.',
      severity: 'error',
      from: { path: '^adapters/([^/]+/[^/]+)/' },
      to: {
        path: '^adapters/',
        pathNot: [
          '^adapters/$1/',
          '^adapters/network/sockets/',
          '^adapters/auth/(concurrency|fetching|passwords)/',
          '^adapters/storage/lifecycle/',
        ],
      },
    },
    {
      name: 'socket-code-only-in-network-adapters',
      comment:
        'The folder sockets is not an adapter but code that the socket listeners share (addresses, TLS, proxy ' +
        'headers): MQTT over a stream and over WebSocket must accept the same clients, and the administration the ' +
        'same certificates. It knows none of the listeners, and nothing else needs it.',
      severity: 'error',
      from: { pathNot: ['^adapters/(network|admin)/', '^test/'] },
      to: { path: '^adapters/network/sockets/' },
    },
    {
      name: 'login-code-only-in-auth-adapters',
      comment:
        'The folders concurrency, fetching and passwords are not adapters but code that several share: bounded HTTP ' +
        'requests, and password hashes.',
      severity: 'error',
      from: { pathNot: ['^adapters/auth/', '^test/'] },
      to: { path: '^adapters/auth/(concurrency|fetching|passwords)/' },
    },
    {
      name: 'storage-lifecycle-only-in-storage-adapters',
      comment:
        'The folder lifecycle is not an adapter but code that the storage adapters share: which calls are refused, ' +
        'and with which error.',
      severity: 'error',
      from: { pathNot: ['^adapters/storage/', '^test/'] },
      to: { path: '^adapters/storage/lifecycle/' },
    },
    ...PACKAGE_RULES,
    {
      name: 'sockets-only-in-network-adapters',
      comment:
        'The simulation does not control a socket that was opened elsewhere, and the listener settings do not ' +
        'apply to it.',
      severity: 'error',
      // The text of addresses is read elsewhere too.
      from: {
        path: '^(src|adapters)/',
        pathNot: ['^adapters/(network|observability|admin)/', '^src/warmup/', '^src/composition/hosts\\.ts$'],
      },
      to: { path: '^(node:)?(net|tls|http|https|http2|dgram)$', dependencyTypes: ['core'] },
    },
    {
      name: 'composition-stays-below-the-command',
      comment: 'The command and an embedding program use the composition, never the reverse.',
      severity: 'error',
      from: { path: '^src/composition/' },
      to: { path: '^src/(cli/|index\\.ts$)' },
    },
    {
      name: 'command-goes-through-composition',
      comment:
        'The command reads flags and prints; brokers are assembled in one place only. Of the ports the ' +
        'command needs the errors that it reports, and of the administration the types of its operations.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^(src|adapters)/', pathNot: '^src/(cli|composition|ports|warmup|administration)/' },
    },
    {
      name: 'warm-up-is-a-client',
      comment:
        'The warm-up starts a broker as a program does that embeds one, and talks to it through sockets; for that it ' +
        'needs the composition and the codec.',
      severity: 'error',
      from: { path: '^src/warmup/' },
      to: {
        path: '^(src|adapters)/',
        pathNot: '^src/(warmup|composition|protocol)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'warm-up-only-in-the-command',
      comment: 'A broker that is embedded in a program starts nothing that the program did not ask for.',
      severity: 'error',
      from: { path: '^(src|adapters)/', pathNot: '^src/(cli|warmup)/' },
      to: { path: '^src/warmup/' },
    },
    {
      name: 'administration-knows-only-the-ports',
      comment:
        'The administration is an adapter of the driving side that all endpoints share: it sees the broker through ' +
        'the ports, as a plugin does. Names of cursors are random.',
      severity: 'error',
      from: { path: '^src/administration/' },
      to: { pathNot: ['^src/(administration|ports)/', packages('zod', 'prom-client'), '^(node:)?crypto$'] },
    },
    {
      name: 'administration-is-reached-through-its-port',
      comment:
        'The composition creates it, and the command takes the types of its operations; all others use the port.',
      severity: 'error',
      from: { path: '^(src|adapters)/', pathNot: '^src/(administration|composition|cli|dashboard)/' },
      to: { path: '^src/administration/' },
    },
    {
      name: 'dashboard-knows-only-the-operations',
      comment:
        'The dashboard is a program for browsers that calls the API like any other: of the broker it takes the types ' +
        'of the operations, and of the packages those that are made for browsers.',
      severity: 'error',
      from: { path: '^src/dashboard/' },
      to: { pathNot: ['^src/dashboard/', '^src/administration/operations\\.ts$', packages('preact', 'uplot', 'mqtt')] },
    },
    {
      name: 'dashboard-takes-types-of-the-operations',
      comment: 'A value from there would bring the code that validates into the page.',
      severity: 'error',
      from: { path: '^src/dashboard/' },
      to: { path: '^src/administration/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'dashboard-is-served-not-imported',
      comment: 'What is built from it is a page: the broker serves it as files.',
      severity: 'error',
      from: { path: '^(src|adapters)/', pathNot: '^src/dashboard/' },
      to: { path: '^src/dashboard/' },
    },
    {
      name: 'production-imports-no-tests',
      comment: 'Code that exists only for tests is not shipped.',
      severity: 'error',
      from: { path: '^(src|adapters)/', pathNot: '^src/dashboard/' },
      to: { path: ['^test/', packages('@jest', 'jest', 'mqtt', 'mqtt-packet')] },
    },
    {
      name: 'declared-dependencies-only',
      comment:
        'Shipped code may only need packages that an installation brings, or that it names when they are missing: ' +
        'src/composition/optional-packages.ts.',
      severity: 'error',
      // The build puts the packages of the dashboard into the page.
      from: { path: '^(src|adapters)/', pathNot: '^src/(testkit|dashboard)/' },
      // An optional package is also one for development, so that the tests of its adapter have it.
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        pathNot: packages('classic-level', 'mongodb'),
      },
    },
    {
      name: 'e2e-knows-nothing-of-ours',
      comment:
        'The end-to-end tests drive the built command with third-party clients, as a user does: code that ' +
        'they imported would no longer be tested.',
      severity: 'error',
      from: { path: '^test/e2e/' },
      to: { path: ['^(src|adapters|dist)/', '^test/(?!e2e/|clients/|support/(mongodb|databases))'] },
    },
    {
      name: 'clients-know-nothing-of-ours',
      comment: 'A client that shared code with the broker would share its mistakes, and so not see them.',
      severity: 'error',
      from: { path: '^test/clients/' },
      to: { path: ['^(src|adapters|dist)/', '^test/(?!clients/)'] },
    },
  ],
  options: {
    doNotFollow: { path: ANY_PACKAGE },
    // The rules cover `import type` as well.
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
