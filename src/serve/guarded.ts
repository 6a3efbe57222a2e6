/**
 * Who may knock. A server without keys trusts this machine's programs, but not the web pages that its
 * browser shows: they can post plain forms to any address, and reach this one under a name of their own
 * (DNS rebinding). So it wants JSON, which no page may send without asking, and a Host that it knows.
 */
import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { ApiError } from './errors.js';

/** Whether nobody but this machine reaches an address. */
export function isLocal(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || isLoopback(name);
}

/**
 * @param known names under which the server is asked, beside those of the machine itself; undefined: any
 * @returns     lets requests to a known Host through, from pages of a known one
 */
export function knownHost(known: readonly string[] | undefined): MiddlewareHandler {
  const allowed = (host: string) => {
    const name = hostname(host);
    return name !== undefined && (isLocal(name) || known!.some((other) => other.toLowerCase() === name));
  };
  return async (c, next) => {
    if (known !== undefined) {
      const [host, origin] = [c.req.header('host') ?? '', c.req.header('origin')];
      if (!allowed(host)) throw strange('Host', host);
      if (origin !== undefined && !allowed(origin.replace(/^\w+:\/\//, ''))) throw strange('Origin', origin);
    }
    await next();
  };
}

/** Lets through what no page may send to another server without being asked for it. */
export function jsonOnly(): MiddlewareHandler {
  return async (c, next) => {
    const type = (c.req.header('content-type') ?? '').split(';')[0].trim().toLowerCase();
    if (type !== 'application/json') {
      const message =
        'A server without keys takes application/json only; send content-type: application/json.';
      throw new ApiError(415, { type: 'invalid_request_error', code: 'unsupported_media_type', message });
    }
    await next();
  };
}

/** A Host without its port, `[::1]` without brackets; undefined where it is none. */
function hostname(host: string): string | undefined {
  const [, ipv6, name] = /^(?:\[([0-9a-f:.]+)\]|([^:/\s]+))(?::\d+)?$/i.exec(host) ?? [];
  return (ipv6 ?? name)?.toLowerCase();
}

function isLoopback(name: string): boolean {
  return isIP(name) === 4 && name.startsWith('127.');
}

function strange(header: string, value: string): ApiError {
  const shown = value.slice(0, 100);
  const message = `${header} ${shown === '' ? 'is missing' : `${shown} is not known here`}; ask for localhost, or let the operator give --allow-hosts or keys.`;
  return new ApiError(403, { type: 'permission_error', code: 'host_not_allowed', message });
}
