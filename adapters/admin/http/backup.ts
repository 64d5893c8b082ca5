// A backup as a download: the text of an export, in chunks. The last line of an export says that it is complete, so a
// download that was cut off never looks complete; where the broker knows why, a line says it.
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Actor, Administration, Backup } from 'hexmq/ports';
import { FAILED } from './backup-path.js';

/** @throws AdministrationError before anything is sent, if there is no backup to send. */
export async function sendBackup(administration: Administration, actor: Actor, reply: FastifyReply): Promise<void> {
  const { raw } = reply;
  const gone = new AbortController();
  raw.once('close', () => {
    gone.abort();
  });
  // How long a reader may be silent is for the backup to decide, and storage may take long to make a snapshot.
  raw.socket?.setTimeout(0);
  const backup = await administration.backup(actor, gone.signal);
  reply.hijack();
  // The connection has lost its time limit.
  raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'application/x-ndjson',
    connection: 'close',
  });
  try {
    for await (const text of backup.text) if (!raw.write(text)) await drained(raw, backup, gone.signal);
    raw.end();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // Then the connection is cut: the answer has no proper end either.
    raw.write(`${JSON.stringify({ kind: FAILED, reason })}\n`, () => raw.destroy());
    if (gone.signal.aborted || raw.writableNeedDrain) raw.destroy();
  }
}

/** Resolves when more can be written, or never will be. */
function drained(raw: FastifyReply['raw'], { ended }: Backup, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done);
      ended.removeEventListener('abort', done);
      gone.removeEventListener('abort', done);
      resolve();
    };
    raw.once('drain', done);
    ended.addEventListener('abort', done);
    gone.addEventListener('abort', done);
    if (ended.aborted || gone.aborted) done();
  });
}
