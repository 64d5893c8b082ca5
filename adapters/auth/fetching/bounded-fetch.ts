// HTTP requests with bounds: a timeout, a maximum size of the response and no redirects, whatever the server does.

export interface FetchRequest {
  readonly method: string;
  /** In addition to `accept: application/json`. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
}

export interface FetchResponse {
  readonly status: number;
  /** Empty unless the status is 200. */
  readonly body: string;
}

export interface FetchLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** @throws Error; `describeFetchError` turns it into a message. */
export async function boundedFetch(
  url: URL,
  { method, headers, body }: FetchRequest,
  { timeoutMs, maxBytes }: FetchLimits,
): Promise<FetchResponse> {
  const response = await fetch(url, {
    method,
    // A redirect would send the request, including passwords, to a server that is not configured.
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

/** The message for a status that is not among the expected ones. */
export function unexpectedStatus(status: number, expected: string): string {
  const hint = status >= 300 && status < 400 ? ' (redirects are not followed)' : '';
  return `it answered ${status}, expected ${expected}${hint}`;
}

/** The message for an error of `boundedFetch`. `fetch` itself hides the reason in `cause`. */
export function describeFetchError(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (name === 'TimeoutError') return 'it did not answer in time';
  const { code, message: causeMessage } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? causeMessage ?? message;
}
