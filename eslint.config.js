// What the compiler does not see: unawaited promises, switches that miss a case, and I/O or time leaking into the core.
// Prettier owns the layout; `.dependency-cruiser.cjs` says which folder may import which.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Globals that the pure folders must not use, with the reason that ESLint prints. */
const IMPURE_GLOBALS = [
  'process',
  'performance',
  'crypto',
  'console',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'structuredClone',
  'globalThis',
  'global',
  'require',
].map((name) => ({
  name,
  message: 'The core is synchronous and independent of the machine: inputs are arguments, outputs are effects.',
}));

const IMPURE_PROPERTIES = [
  {
    object: 'Math',
    property: 'random',
    message: 'The same inputs must give the same outputs: randomness is an argument.',
  },
  { object: 'Date', property: 'now', message: 'The same inputs must give the same outputs: time is an argument.' },
];

const NO_ASYNC = [
  {
    selector: ':function[async=true]',
    message: 'The core is synchronous: a step runs to its end before the next begins.',
  },
  { selector: 'AwaitExpression', message: 'The core is synchronous: a step runs to its end before the next begins.' },
  {
    selector: "NewExpression[callee.name='Promise']",
    message: 'The core is synchronous: a step runs to its end before the next begins.',
  },
];

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'data/', 'templates/'] },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-console': 'error',
      'object-shorthand': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'TSEnumDeclaration',
          message: 'Use a union of strings, or a constant object: an enum is code where a type would do.',
        },
      ],
      // When a union grows, every switch over it needs a look: a default branch would silently take the new member.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        {
          allowDefaultCaseForExhaustiveSwitch: false,
          considerDefaultExhaustiveForUnions: false,
          requireDefaultForNonUnion: false,
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ['src/domain/**/*.ts', 'src/protocol/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...IMPURE_GLOBALS, { name: 'Date', message: 'Time is an argument.' }],
      'no-restricted-properties': ['error', ...IMPURE_PROPERTIES],
      'no-restricted-syntax': ['error', ...NO_ASYNC],
    },
  },
  {
    files: ['src/domain/**/*.ts'],
    rules: {
      // The protocol may use Node's faster way of writing text into bytes; the domain writes no bytes.
      'no-restricted-globals': [
        'error',
        ...IMPURE_GLOBALS,
        ...['Buffer', 'Date'].map((name) => ({ name, message: 'The core is independent of the machine.' })),
      ],
    },
  },
  {
    files: ['src/application/**/*.ts'],
    rules: {
      // The simulation supplies its own clock and randomness, so the shell takes both from ports.
      'no-restricted-globals': [
        'error',
        ...['process', 'performance', 'setTimeout', 'setInterval'].map((name) => ({
          name,
          message: 'The shell takes time and randomness from its ports.',
        })),
        { name: 'Date', message: 'The shell takes the time from the clock port.' },
      ],
      'no-restricted-properties': ['error', ...IMPURE_PROPERTIES],
    },
  },
  {
    // Their own configurations are for the packages that are installed; this one finds hexmq in its sources.
    files: ['docs/examples/**/*.ts'],
    languageOptions: {
      parserOptions: {
        projectService: false,
        project: 'docs/examples/tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
      },
    },
  },
  {
    files: ['src/dashboard/**/*.ts', 'src/dashboard/**/*.tsx'],
    rules: {
      // Its compiler knows Node's types, through those of the operations; a browser has none of it.
      'no-restricted-globals': [
        'error',
        ...['process', 'Buffer', 'global', 'require', 'setImmediate', 'clearImmediate'].map((name) => ({
          name,
          message: 'The dashboard runs in a browser.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'dangerouslySetInnerHTML'].map((property) => ({
          property,
          message: 'What clients have sent is shown as text.',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'What clients have sent is shown as text.',
        },
        { selector: "JSXAttribute[name.name='style']", message: 'The policy of the page allows no inline style.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Fakes implement asynchronous ports even where they need not wait, and assertions inspect untyped values.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
    },
  },
);
