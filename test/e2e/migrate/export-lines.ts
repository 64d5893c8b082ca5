// Lines of an export as another program would write them, according to docs/export-format.md.
import { createHash } from 'node:crypto';

type Fact = Readonly<Record<string, unknown>> & { readonly kind: string };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** @param facts with their keys in the order of the page. */
export function exportOf(facts: readonly Fact[]): string {
  const counts: Record<string, number> = { session: 0, subscription: 0, inbound: 0, will: 0, entry: 0, retained: 0 };
  let sum = 0n;
  let hashOfMessage = '';
  const lines = facts.map((fact) => {
    const line = JSON.stringify(fact);
    if (fact.kind === 'message') hashOfMessage = sha256(line);
    else {
      counts[fact.kind] = (counts[fact.kind] ?? 0) + 1;
      sum += BigInt(
        `0x${sha256('message' in fact ? line.replace(/"message":\d+\}$/, `"message":"${hashOfMessage}"}`) : line)}`,
      );
    }
    return line;
  });
  const header = JSON.stringify({ kind: 'header', format: 'hexmq-export', version: 1, createdAtMs: 0 });
  const end = JSON.stringify({ kind: 'end', counts, digest: (sum % 2n ** 256n).toString(16).padStart(64, '0') });
  return `${[header, ...lines, end].join('\n')}\n`;
}

export const sessionLine = (clientId: string, disconnectedAtMs = 1): Fact => ({
  kind: 'session',
  clientId,
  expiryIntervalS: 4_294_967_295,
  disconnectedAtMs,
});
export const subscriptionLine = (clientId: string, topicFilter: string): Fact => ({
  kind: 'subscription',
  clientId,
  topicFilter,
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
});
export const messageLine = (id: number, topic: string, payload: string, retain = false): Fact => ({
  kind: 'message',
  id,
  topic,
  qos: 1,
  retain,
  acceptedAtMs: id,
  payload: Buffer.from(payload).toString('base64'),
});
export const entryLine = (clientId: string, seq: number, message: number): Fact => ({
  kind: 'entry',
  queue: `c:${clientId}`,
  seq,
  qos: 1,
  retain: false,
  released: false,
  message,
});
