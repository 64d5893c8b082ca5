// The example hexmq-json-schema, as its author builds and tests it, and in the built command.
import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexmq, startBroker } from '../hexmq-command.js';
import { connect } from '../mqtt-js.js';
import { scene } from '../program.js';
import { ExamplePackage } from './example-package.js';

const configuration = (type: string): string => `
storage: { adapter: memory }
plugins:
  - package: hexmq-json-schema
    options:
      rules: [{ topicFilter: a/+, schema: { type: ${type} } }]
`;

test(
  'the JSON Schema package passes its own tests, and the command denies what does not match, wills too',
  () =>
    scene(async () => {
      const example = await ExamplePackage.install('hexmq-json-schema');
      await example.passesItsTests({});
      const { cwd } = example;
      writeFileSync(join(cwd, 'hexmq.yaml'), configuration('numbr'));
      const bad = await hexmq(['check-config', '--config', 'hexmq.yaml'], { cwd });
      expect(bad.status).not.toBe(0);
      expect(bad.stdout + bad.stderr).toMatch(/rules\[0\]\.schema: schema is invalid/);
      writeFileSync(join(cwd, 'hexmq.yaml'), configuration('number'));
      const broker = await startBroker(['--config', 'hexmq.yaml', '--port', '0'], { cwd });
      const { mqtt } = await connect(broker, {}, '5');
      await mqtt.publishAsync('a/b', '1', { qos: 1 });
      await expect(mqtt.publishAsync('a/b', '"x"', { qos: 1 })).rejects.toMatchObject({ code: 0x99 });
      const will = { topic: 'a/b', payload: Buffer.from('x'), qos: 1, retain: false } as const;
      await expect(connect(broker, { will }, '5')).rejects.toMatchObject({ code: 0x87 });
      expect((await broker.stop()).status).toBe(0);
    }),
  120_000,
);
