// Asks the service about a client, unless it has just been asked the same.
import type { Answer } from './answer.js';
import type { AnswerCache } from './answer-cache.js';
import type { RequestTemplate, Subject } from './request-template.js';
import type { ServiceClient } from './service-client.js';

export class CachedLookup {
  constructor(
    readonly template: RequestTemplate,
    readonly service: ServiceClient,
    readonly cache: AnswerCache,
  ) {}

  /** @throws UnaskableError when the client has sent what cannot be asked about; any other Error when the service does not answer. */
  async find(subject: Subject, signal?: AbortSignal): Promise<Answer> {
    const question = this.template.fill(subject);
    const key = this.cache.keyOf(question);
    const known = this.cache.get(key);
    if (known !== undefined) return known;
    const answer = await this.service.ask(question, signal);
    this.cache.put(key, answer);
    return answer;
  }

  /** Headers are read again, and whatever was answered to the old ones is forgotten. */
  reload(): Promise<void> {
    return new Promise((resolve) => {
      this.service.reload();
      this.cache.clear();
      resolve();
    });
  }
}
