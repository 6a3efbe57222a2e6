/**
 * Who may look. What a model said can be private, and other programs and pages reach this machine's ports too.
 *
 * The address that is printed carries a token, made anew at each start. It is exchanged for a cookie, so that it
 * stays neither in the address bar nor in the history. Nothing here changes anything, so that no form can do harm.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

const REFUSED =
  'This needs the address with its token, as ealign printed it. It is a new one each time the dashboard is started.\n';

/** Lets through who shows the token: in the address, once, then in a cookie. @param cookie its name; ports share cookies */
export function withToken(token: string, cookie: () => string): MiddlewareHandler {
  return async (c, next) => {
    const shown = c.req.query('token');
    if (shown !== undefined && c.req.path === '/') return admit(c, shown);
    if (!equal(getCookie(c, cookie()) ?? '', token)) return c.text(REFUSED, 401);
    return next();
  };

  function admit(c: Context, shown: string): Response {
    if (!equal(shown, token)) return c.text(REFUSED, 401);
    setCookie(c, cookie(), token, { httpOnly: true, sameSite: 'Lax', path: '/' });
    return c.redirect('/', 303);
  }
}

/** In constant time. */
function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Headers of every answer: the page runs its own scripts only, asks this server only, and is in no frame. */
export function guardedHeaders(inlineScript: string): MiddlewareHandler {
  const hash = createHash('sha256').update(inlineScript).digest('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return async (c, next) => {
    await next();
    const headers = {
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'cache-control': 'no-store',
    };
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
  };
}
