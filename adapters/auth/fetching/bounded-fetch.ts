// A question to a web server and its answer, whatever that server does: in time, of bounded size, and from nobody else.

export interface FetchRequest {
  readonly method: string;
  /** Besides that JSON is wanted. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
}

export interface FetchResponse {
  readonly status: number;
  /** Empty with any status but 200. */
  readonly body: string;
}

export interface FetchLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** @throws Error; `reasonOf` puts it into words. */
export async function boundedFetch(
  url: URL,
  { method, headers, body }: FetchRequest,
  { timeoutMs, maxBytes }: FetchLimits,
): Promise<FetchResponse> {
  const response = await fetch(url, {
    method,
    // Whoever a redirect names would be told what is asked, passwords too.
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
    headers: [['accept', 'application/json'], ...headers.map(([name, value]): [string, string] => [name, value])],
    ...(body === undefined ? {} : { body }),
  });
  const { status } = response;
  if (status === 200) return { status, body: await textOf(response, maxBytes) };
  await response.body?.cancel();
  return { status, body: '' };
}

async function textOf(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`it answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What is said of a status that is none of those expected. */
export function unexpectedStatus(status: number, expected: string): string {
  return `it answered ${status}, expected ${expected}${status >= 300 && status < 400 ? ' (redirects are not followed)' : ''}`;
}

/** `fetch` says why in the cause. */
export function describeFetchError(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (name === 'TimeoutError') return 'it did not answer in time';
  const { code, message: because } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? because ?? message;
}
