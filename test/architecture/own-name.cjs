// Resolves the package's own name to its sources for dependency-cruiser, whether the package has been built or not.
const { resolve } = require('node:path');

const root = resolve(__dirname, '../..');

module.exports = {
  resolve: {
    alias: {
      'hexmq/ports$': `${root}/src/ports/index.ts`,
      'hexmq/testkit$': `${root}/src/testkit/index.ts`,
      'hexmq/adapters': `${root}/adapters`,
      hexmq$: `${root}/src/index.ts`,
    },
  },
};
