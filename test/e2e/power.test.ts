// Acknowledged messages are on the disk, not only in the operating system's cache, which survives a killed broker.
import { expect, test } from '@jest/globals';
import { within } from '../clients/within.js';
import { MqttClient } from '../clients/mqtt-client.js';
import { KillableBroker } from './kill/killable-broker.js';
import { killTests, runScenario } from './kill/kill-tests.js';
import { readRetained } from './kill/retained-reader.js';
import { fileStorageOnLossyDisk } from './power/file-storage.js';
import type { Options } from './power/file-storage.js';
import { scene } from './program.js';
import { describeWith } from './tools.js';

/** Few, because every round copies the disk. */
const ROUNDS = 6;

describeWith('cc', 'file storage on a disk whose power is cut with each kill', () => {
  killTests(() => fileStorageOnLossyDisk(), ROUNDS);
});

describeWith('cc', 'a power cut right after an acknowledgement', () => {
  interface Kept {
    readonly isSessionPresent: boolean;
    readonly messages: readonly string[];
    readonly retained: readonly string[];
  }

  const ALL: Kept = { isSessionPresent: true, messages: ['at QoS 1', 'at QoS 2'], retained: ['retained'] };
  const NOTHING: Kept = { isSessionPresent: false, messages: [], retained: [] };

  /** What the restart finds: the session, its queued messages in order, and the retained messages. */
  async function keptOn(options: Options): Promise<Kept> {
    const broker = new KillableBroker(await fileStorageOnLossyDisk(options));
    const before = await broker.start(0);
    const [reader, writer] = [new MqttClient('reader'), new MqttClient('writer')];
    await reader.connect(before);
    await reader.subscribe('news', 2);
    await reader.disconnect();
    await writer.connect(before);
    await writer.published({ topic: 'kept', payload: Buffer.from('retained'), qos: 1, retain: true });
    await writer.published({ topic: 'news', payload: Buffer.from('at QoS 1'), qos: 1 });
    await writer.published({ topic: 'news', payload: Buffer.from('at QoS 2'), qos: 2 });
    await broker.kill();

    const after = await broker.start(0);
    let isSessionPresent = true;
    const messages: string[] = [];
    const all = new Promise<void>((resolve) => {
      reader.onNewSession = () => {
        isSessionPresent = false;
      };
      reader.onMessage = ({ topic, payload }) => {
        if (topic === 'end') resolve();
        else messages.push(payload.toString());
      };
    });
    await reader.connect(after);
    await reader.subscribe('end', 2);
    await writer.connect(after, { clean: true });
    await writer.published({ topic: 'end', payload: Buffer.from(''), qos: 1 });
    await within(all, 'the last message');
    const retained = await readRetained(after, 'kept', () => undefined);
    expect(await broker.stop()).toBe(0);
    return { isSessionPresent, messages, retained: [...retained.values()].map(String) };
  }

  test.each<[string, Options, Kept]>([
    ['a power cut loses nothing acknowledged at level flushed', {}, ALL],
    ['a power cut loses what was acknowledged at level stored', { ackLevel: 'stored' }, NOTHING],
    ['a power cut loses everything on a disk that does not sync the log', { ignoring: '*.log' }, NOTHING],
    [
      'a power cut loses everything on a disk that does not sync the name of the data directory',
      { ignoring: '*/made' },
      NOTHING,
    ],
  ])('%s', (_, options, kept) =>
    scene(async () => {
      expect(await keptOn(options)).toEqual(kept);
    }),
  );
});

describeWith('cc', 'the method of cutting the power', () => {
  test.each<[string, Options]>([
    ['acknowledgements at level stored', { ackLevel: 'stored' }],
    ['a disk that does not sync the log', { ignoring: '*.log' }],
  ])('a power cut reveals %s', (_, options) =>
    scene(async () => {
      await expect(runScenario(await fileStorageOnLossyDisk(options), ROUNDS)).rejects.toThrow('promises were broken');
    }),
  );
});
