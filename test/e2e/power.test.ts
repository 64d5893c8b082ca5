// What is acknowledged is on the disk, and not only with the operating system, which outlives a killed broker: here it
// does not.
import { expect, test } from '@jest/globals';
import { FaithfulClient } from './kill/faithful-client.js';
import { KillableBroker } from './kill/killable-broker.js';
import { killTests, tellStory } from './kill/kill-tests.js';
import { readRetained } from './kill/retained-reader.js';
import { unpluggableFileStorage } from './power/file-storage.js';
import type { Options } from './power/file-storage.js';
import { scene, within } from './program.js';
import { describeWith } from './tools.js';

/** Starts are what takes time. */
const ROUNDS = 6;

describeWith('cc', 'file storage, when the power is cut with each kill', () => {
  killTests(() => unpluggableFileStorage(), ROUNDS);
});

describeWith('cc', 'a loss of power right after what was acknowledged', () => {
  interface Kept {
    readonly isSessionPresent: boolean;
    readonly messages: readonly string[];
    readonly retained: readonly string[];
  }

  const ALL: Kept = { isSessionPresent: true, messages: ['at QoS 1', 'at QoS 2'], retained: ['retained'] };
  const NOTHING: Kept = { isSessionPresent: false, messages: [], retained: [] };

  /**
   * What is there afterwards of a stored session, what waits in it and what is retained, in the order in which it came.
   */
  async function keptOn(options: Options): Promise<Kept> {
    const broker = new KillableBroker(await unpluggableFileStorage(options));
    const before = await broker.start(0);
    const [reader, writer] = [new FaithfulClient('reader'), new FaithfulClient('writer')];
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
    ['leaves all of it', {}, ALL],
    ['leaves nothing of it where an acknowledgement stands for less', { ackLevel: 'stored' }, NOTHING],
    ['leaves nothing of it on a disk that does not sync the log', { deafTo: '*.log' }, NOTHING],
    [
      'leaves nothing of it on a disk that does not sync where the data directory has its name',
      { deafTo: '*/made' },
      NOTHING,
    ],
  ])('%s', (_, options, kept) =>
    scene(async () => {
      expect(await keptOn(options)).toEqual(kept);
    }),
  );
});

describeWith('cc', 'what would go unnoticed if nobody cut the power', () => {
  test.each<[string, Options]>([
    ['acknowledgements that stand for less', { ackLevel: 'stored' }],
    ['a disk that does not sync the log', { deafTo: '*.log' }],
  ])('is found: %s', (_, options) =>
    scene(async () => {
      await expect(tellStory(await unpluggableFileStorage(options), ROUNDS)).rejects.toThrow('promises were broken');
    }),
  );
});
