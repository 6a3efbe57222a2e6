/**
 * A real browser for tests: Debian's Chromium, or what EALIGN_CHROMIUM names. Without one they are skipped, and say so.
 */
import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Its program; undefined where there is none. */
export const chromiumPath = [process.env.EALIGN_CHROMIUM ?? '', ...PLACES].find((path) => existsSync(path));

/** @throws Error where there is none */
export function launchChromium(): Promise<Browser> {
  // no sandbox: containers run tests as root
  return chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
}

/** A page that writes down what it must not do. */
export interface WatchedPage {
  readonly page: Page;
  /** Requests to others than the page's own server, errors of scripts, and breaches of the content policy. */
  readonly faults: readonly string[];
}

/** Opens an address in a fresh profile. @param origin the only one that may be asked; `file:` for files */
export async function openPage(
  browser: Browser,
  url: string,
  { origin = new URL(url).origin, ...options }: BrowserContextOptions & { origin?: string } = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) faults.push(request.url());
  });
  page.on('pageerror', (error) => faults.push(String(error.stack)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text());
  });
  await page.goto(url);
  return { page, faults };
}

/** What axe finds, by its severity. @throws Error when it has checked next to nothing */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // as a developer tool does: the page's own policy lets no script in
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe.source });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run().then(({ violations, passes }) => JSON.stringify({ passed: passes.length, faults: violations.map(
      ({ id, impact, nodes }) => impact + ' ' + id + ': ' + nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(' | ')) }))`,
    ...{ awaitPromise: true, returnByValue: true },
  });
  const { passed, faults } = JSON.parse(result.value as string) as { passed: number; faults: string[] };
  if (passed < 15) throw new Error(`axe has checked ${passed} rules only`);
  return faults;
}
