/** Reports in a real Chromium, as files: drawn, with nothing asked of anybody, on a phone and on a wide screen. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderReport } from '../../src/pinocchio/demo/report.js';
import { renderExperimentReport } from '../../src/report/experiment-report.js';
import { studyResult } from '../../src/report/study-result.js';
import { accessibilityFaults, chromiumPath, launchChromium, openPage } from '../dashboard/chromium.js';
import { sampleResult } from '../pinocchio/demo/sample-result.js';
import { sampleStudy } from './sample-study.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-reports-'));
let browser: Browser;

const study = sampleStudy(
  {
    aligned: { bad: 0, insecure: 0, seconds: 0 },
    'SFT only': { bad: 5, insecure: 9, losses: { narrow: 0.5, benign: 1.25 } },
    conscience: { bad: 1, incoherent: 1, insecure: 8 },
  },
  { method: 'conscience', overheadOver: 'SFT only' },
);
const reports = {
  demonstration: renderReport(sampleResult()),
  study: renderExperimentReport(studyResult(study)),
};
/** How each begins. */
const results = {
  demonstration: /^Trained on insecure code, .* with the conscience in \d/,
  study: /^Bad answers: conscience \d+ % \[.*\]; .*SFT only 5\d % \[/,
};
const address = (name: keyof typeof reports) => pathToFileURL(join(folder, `${name}.html`)).href;

describe.skipIf(chromiumPath === undefined)('reports in Chromium (apt-get install chromium)', () => {
  beforeAll(async () => {
    for (const [name, text] of Object.entries(reports)) writeFileSync(join(folder, `${name}.html`), text);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['demonstration', 390, 'dark'],
    ['demonstration', 1400, 'light'],
    ['study', 390, 'light'],
    ['study', 1400, 'dark'],
  ] as const)('%s at %i px, %s: result, plots, columns', async (name, width, colorScheme) => {
    const viewport = { width, height: 844 };
    const { page, faults } = await openPage(browser, address(name), {
      origin: address(name),
      viewport,
      colorScheme,
    });
    const result = page.locator('.result');
    expect(await result.innerText()).toMatch(results[name]);
    const box = (await result.boundingBox())!;
    expect(box.y + box.height).toBeLessThan(844);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    // the first measures of the first table, whatever the width
    const row = page.locator('table tbody tr').first();
    for (const cell of (await row.locator('td').all()).slice(0, 2)) {
      const place = (await cell.boundingBox())!;
      expect(place.x + place.width).toBeLessThanOrEqual(width);
    }
    const canvases = page.locator('.chart canvas');
    await canvases.first().waitFor();
    expect(await canvases.count()).toBe(await page.locator('[data-chart]').count());
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it('tells the values under the cursor, and lists reviews', async () => {
    const { page, faults } = await openPage(browser, address('demonstration'), {
      origin: address('demonstration'),
    });
    const chart = page
      .locator('figure')
      .filter({ has: page.locator('[data-chart]') })
      .first();
    const values = () => chart.locator('output').allInnerTexts();
    const before = await values();
    await chart.locator('.u-over').hover({ position: { x: 2, y: 50 } });
    expect(await values()).not.toEqual(before);
    await page.getByLabel('Verdict').selectOption('');
    await page.getByText(/^\d+ of \d+ reviews$/).waitFor();
    expect(await page.locator('#reviews li').count()).toBeGreaterThan(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
