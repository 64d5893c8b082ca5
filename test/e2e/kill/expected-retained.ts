// The messages that must be retained. Each topic has one publisher with one QoS. The broker has the last message that
// was acknowledged, or a later one whose acknowledgement has not arrived.
import type { History } from './history.js';
import type { RetainedMessages } from './retained-reader.js';

interface Setting {
  /** Empty if nothing is retained. */
  readonly text: string;
  isAcknowledged: boolean;
}

export class ExpectedRetained {
  readonly #settings = new Map<string, Setting[]>();

  constructor(readonly history: History) {}

  /** @returns a function to call when the message is acknowledged. */
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
      this.history.addViolation(
        `${quoted(text)} is retained on ${topic}; acknowledged last: ${last}; behind that, not acknowledged: ${later.join(', ')}`,
      );
    }
    for (const topic of found.keys())
      if (!this.#settings.has(topic))
        this.history.addViolation(`something is retained on ${topic}, where no client set it`);
  }
}

const quoted = (text: string): string => (text === '' ? 'nothing' : `"${text.slice(0, 40)}"`);
