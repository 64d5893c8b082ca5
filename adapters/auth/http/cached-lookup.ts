// A lookup of one client in the service, answered from the cache if the same request was made recently.
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

  /** @throws UnencodableError if the client's data cannot be sent; any other Error if there is no answer. */
  async find(subject: Subject, signal?: AbortSignal): Promise<Answer> {
    const request = this.template.fill(subject);
    const key = this.cache.keyOf(request);
    const cached = this.cache.get(key);
    if (cached !== undefined) return cached;
    const answer = await this.service.send(request, signal);
    this.cache.put(key, answer);
    return answer;
  }

  /** Reads the headers again and forgets the answers to requests with the old ones. */
  reload(): Promise<void> {
    return new Promise((resolve) => {
      this.service.reload();
      this.cache.clear();
      resolve();
    });
  }
}
