// A stream of the administration as an answer: one JSON object a line, for as long as its reader takes them. An empty
// line now and then tells a reader that nothing has happened, and the broker that the reader is still there.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { RecordStream } from 'hexmq/ports';

const HEARTBEAT_MS = 15_000;

export async function sendRecords(
  response: ServerResponse,
  headers: OutgoingHttpHeaders,
  stream: RecordStream,
): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    response.once('close', () => {
      stream.close();
      resolve();
    });
    // Otherwise what is written to a reader that has gone would be a fault of the process.
    response.on('error', () => undefined);
  });
  if (response.destroyed) {
    stream.close();
    return;
  }
  // The connection ends with the stream: at a shutdown nothing else would end it.
  response.writeHead(200, { ...headers, 'content-type': 'application/x-ndjson', connection: 'close' });
  response.flushHeaders();
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write('\n');
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    for await (const record of stream) {
      if (!response.write(`${JSON.stringify(record)}\n`)) await Promise.race([drained(response), closed]);
      if (response.destroyed) break;
    }
    response.end();
  } catch {
    // A fault: the reader must not take it for the end.
    response.destroy();
  } finally {
    clearInterval(heartbeat);
  }
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    response.once('drain', resolve);
  });
