// The ACL file authorizer, held to the contract of its port.
import { describe, test } from '@jest/globals';
import { authorizerContract } from 'hexmq/testkit';
import { createAuthorizer } from '../../adapters/auth/acl-file/index.js';
import { temporaryFile } from '../support/temporary-file.js';

const FILE = `topic read news/#
user ann
topic deny plant/secret/#
topic read plant/#
pattern write devices/%c/up
pattern readwrite users/%u/#
pattern read %c/inbox
`;

authorizerContract({
  name: 'acl-file',
  describe,
  test,
  sample: { clientId: 'meter-7', userName: 'ann' },
  factory: {
    create: async () => {
      const file = await temporaryFile('acl', FILE);
      return {
        authorizer: createAuthorizer({ path: file.path }),
        rewrite: (how) =>
          file.write(how === 'wrong' ? `${FILE}topic frobnicate x\n` : 'user ann\ntopic read other/#\n'),
        dispose: () => file.remove(),
      };
    },
  },
});
