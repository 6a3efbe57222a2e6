/**
 * HTTP requests that fail in words a person can act on.
 *
 * Two kinds of failure matter to callers: the server could not be reached (another source
 * or another attempt may help), or it answered and said no.
 */
import { DownloadError } from '../errors.js';

/** Nobody answered, or the answer broke off: no connection, a time-out, a server's own failure. */
export class UnreachableError extends DownloadError {}

/** An address, and the header that carries its user and password (fetch refuses them in the address). */
export function splitCredentials(address: string): { url: string; headers: Record<string, string> } {
  const url = new URL(address);
  if (url.username === '' && url.password === '') return { url: address, headers: {} };
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return {
    url: url.toString(),
    headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
  };
}

/**
 * GET. The body is as it stands on the server (no content coding), so that ranges mean what they say.
 *
 * @param what what is fetched, for messages
 * @throws UnreachableError no answer, or status 408, 429 or 5xx
 * @throws DownloadError any other status that is neither 2xx nor 416
 */
export async function get(
  url: string,
  what: string,
  options: { headers?: Readonly<Record<string, string>>; signal?: AbortSignal } = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { 'accept-encoding': 'identity', ...options.headers },
      signal: options.signal,
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw unreachable(url, what, error);
  }
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  throw statusError(response.status, url, what);
}

/** The error for a status other than success. */
export function statusError(status: number, url: string, what: string): DownloadError {
  const { host } = new URL(url);
  const refused = `${host} answers ${status}`;
  if (status === 401 || status === 403) {
    return new DownloadError({
      where: what,
      what: `no access (${refused})`,
      next: 'check the name; if the model is gated or private, accept its terms on the hub and set HF_TOKEN',
    });
  }
  if (status === 404) {
    return new DownloadError({ where: what, what: `not found (${refused})`, next: 'check the name' });
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new UnreachableError({
      where: what,
      what: `cannot be fetched now (${refused})`,
      next: 'try again later',
    });
  }
  return new DownloadError({ where: what, what: `cannot be fetched (${refused})` });
}

/** The error for a request that got no answer. */
export function unreachable(url: string, what: string, error: unknown): UnreachableError {
  const { host } = new URL(url);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new UnreachableError(
    {
      where: what,
      what: `${host} cannot be reached (${reason})`,
      next: 'check the network; what has arrived is kept and will be continued',
    },
    { cause: error },
  );
}
