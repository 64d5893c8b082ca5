// What must be retained. A topic has one owner, who sets it at one QoS: the broker has what was acknowledged last, or
// something later that the owner has not been told of.
import type { Chronicle } from './chronicle.js';
import type { RetainedMessages } from './retained-reader.js';

interface Setting {
  /** Empty: nothing is retained. */
  readonly text: string;
  isAcknowledged: boolean;
}

export class RetainedBook {
  readonly #settings = new Map<string, Setting[]>();

  constructor(readonly chronicle: Chronicle) {}

  /** Returns what to call when it is acknowledged. */
  set(topic: string, text: string): () => void {
    const settings = this.#settings.get(topic) ?? [{ text: '', isAcknowledged: true }];
    this.#settings.set(topic, settings);
    const setting = { text, isAcknowledged: false };
    settings.push(setting);
    return () => {
      setting.isAcknowledged = true;
      settings.splice(0, settings.indexOf(setting)); // what came before cannot come back
    };
  }

  compare(found: RetainedMessages): void {
    for (const [topic, settings] of this.#settings) {
      const text = found.get(topic)?.toString() ?? '';
      const possible = settings.map((setting) => setting.text);
      if (possible.includes(text)) continue;
      const [last, ...later] = possible.map(quoted);
      this.chronicle.fault(
        `${quoted(text)} is retained on ${topic}; acknowledged last: ${last}; behind that, not acknowledged: ${later.join(', ')}`,
      );
    }
    for (const topic of found.keys())
      if (!this.#settings.has(topic)) this.chronicle.fault(`something is retained on ${topic}, where nobody set it`);
  }
}

const quoted = (text: string): string => (text === '' ? 'nothing' : `"${text.slice(0, 40)}"`);
