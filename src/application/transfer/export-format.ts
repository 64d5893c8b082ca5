// Facts as lines of JSON (docs/export-format.md): a header, one line for each fact, and an end with the counts and the
// digest. A message has a line of its own, followed by the facts that refer to it, so that a payload is written once
// for all the queues that it is in.
import type { Message } from '../../domain/messages/message.js';
import { Digest } from './digest.js';
import type { Hash } from './digest.js';
import { plainFact, plainMessage } from './plain.js';
import type { Plain } from './plain.js';
import { messageOf } from './stored-fact.js';
import type { StoredFact } from './stored-fact.js';

export const FORMAT = 'hexmq-export';
/** In version 1 a will named a message, with an id and times that were never used. */
export const FORMAT_VERSION = 2;
export const OLDEST_FORMAT_VERSION = 1;

const CHUNK_CHARACTERS = 64 * 1024;

/** Yields chunks of many lines, with the digest so far. */
export async function* exportText(
  facts: AsyncIterable<StoredFact>,
  hash: Hash,
  createdAtMs: number,
): AsyncGenerator<{ readonly text: string; readonly digest: Digest }> {
  const digest = new Digest(hash);
  let message: Message | undefined;
  let text = line({ kind: 'header', format: FORMAT, version: FORMAT_VERSION, createdAtMs });
  for await (const fact of facts) {
    digest.add(fact);
    const about = messageOf(fact);
    if (about !== undefined && about !== message) {
      message = about;
      text += line(plainMessage(about));
    }
    text += line(plainFact(fact));
    if (text.length < CHUNK_CHARACTERS) continue;
    yield { text, digest };
    text = '';
  }
  yield { text: text + line({ kind: 'end', counts: digest.counts, digest: digest.text }), digest };
}

const line = (plain: Plain): string => `${JSON.stringify(plain)}\n`;
