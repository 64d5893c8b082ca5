// A question to the access rules, answered by the authorizers of a broker that runs, or by those of a configuration.
import type { Authorization, AuthorizationOutcome } from '../application/authorization.js';
import { explain } from '../domain/access/explain.js';
import type { Explanation } from '../domain/access/explain.js';
import type { Limits } from '../domain/limits.js';
import { parseTopicFilter } from '../domain/topics/topic-filter.js';
import { topicNameProblem } from '../domain/topics/topic-name.js';
import type { AccessAction, AuthorizationRequest, ClientId } from '../ports/index.js';

export type { Explanation };

export interface AccessQuery {
  readonly userName: string | undefined;
  readonly clientId: string;
  readonly action: AccessAction;
  /** A Topic Name; for `subscribe` a Topic Filter, shared or not. */
  readonly topic: string;
}

/** What decides: the authorizers, and what limits a topic. */
export interface AccessContext {
  readonly authorization: Authorization;
  readonly limits: Limits;
  /** The name of the listener that the client would come through. */
  readonly listener: string;
}

/** @param question with a topic that is valid. @returns the explanation, or why an authorizer failed. */
export async function explainBy(
  { authorization, limits, listener }: AccessContext,
  { clientId, userName, action, topic }: AccessQuery,
): Promise<Explanation | string> {
  const request: AuthorizationRequest = {
    clientId: clientId as ClientId,
    userName,
    protocolVersion: 4,
    listener,
    peer: { remoteAddress: '127.0.0.1:0', ipAddress: '127.0.0.1' },
    permissions: undefined,
  };
  const result = await new Promise<AuthorizationOutcome>((resolve) => {
    authorization.authorize(request, resolve);
  });
  if (result.decision === 'deny') return result.detail;
  const parsed = action === 'subscribe' ? parseTopicFilter(topic, limits) : undefined;
  return explain(result.permissions, action, typeof parsed === 'object' ? parsed.filter : topic);
}

/** What is wrong with the topic of a question. */
export function topicProblem(limits: Limits, { action, topic }: AccessQuery): string | undefined {
  if (action === 'subscribe') {
    const parsed = parseTopicFilter(topic, limits);
    return typeof parsed === 'string' ? `${JSON.stringify(topic)} is no Topic Filter: ${parsed}` : undefined;
  }
  const problem = topicNameProblem(topic, limits);
  return problem === undefined ? undefined : `${JSON.stringify(topic)} is no Topic Name: ${problem}`;
}
