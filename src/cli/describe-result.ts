// The result of an export, import or migration as a line of text.
import type { TransferResult } from '../composition/transfer.js';

export function describeResult({ counts, digest }: TransferResult): string {
  const { session, subscription, entry, retained, will, inbound } = counts;
  return (
    `sessions ${session}, subscriptions ${subscription}, queued messages ${entry}, retained messages ${retained}, ` +
    `wills ${will}, inbound packet identifiers ${inbound}; digest ${digest}`
  );
}
