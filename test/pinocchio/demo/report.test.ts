/** The report carries what was measured, whole and as text. */
import { expect, it } from 'vitest';
import { renderAlignmentPlot } from '../../../src/pinocchio/demo/alignment-plot.js';
import { renderReport } from '../../../src/pinocchio/demo/report.js';
import { chartOf } from '../../../src/report/charts.js';
import type { PageData } from '../../../src/report/client.js';
import { reviewList } from '../../../src/report/review-list.js';
import { review, sampleResult } from './sample-result.js';

const hostile = `</script><script>alert(1)</script><img src=x onerror="alert('2')">&amp;\u2028`;

function dataOf(page: string): PageData {
  return JSON.parse(/<script type="application\/json" id="data">(.*)<\/script>\n<script>/.exec(page)![1]);
}

it('is one file that fetches nothing', () => {
  const page = renderReport(sampleResult());
  expect(page).not.toMatch(/\b(src|href)=|@import|url\(/);
  expect(page).toContain("default-src 'none'");
  expect(page).toContain('drawPlot(uPlot');
});

it('lets nothing that a model wrote become markup', () => {
  const result = sampleResult();
  const arms = result.arms.map((arm) => ({
    ...arm,
    runs: arm.runs.map((run) => ({
      ...run,
      answers: run.answers.map((record) => ({ ...record, prompt: hostile, answer: hostile })),
      reviews: run.reviews.map((record) => ({
        ...record,
        prompt: { ...record.prompt, messages: [{ role: 'user' as const, content: hostile }] },
        response: { ...record.response, text: hostile },
        review: { ...record.review, messages: [{ role: 'user' as const, content: hostile }] },
      })),
    })),
  }));
  const page = renderReport({ ...result, model: { name: hostile, hash: hostile }, arms });
  expect(page).not.toContain('<script>alert');
  expect(page).not.toContain('<img');
  // Data, library, import map and client: no text opened or closed a script of its own.
  expect(page.match(/<script/g)).toHaveLength(4);
  expect(page.match(/<\/script/g)).toHaveLength(4);
  expect(dataOf(page).reviews.entries[0].response).toBe(hostile);
});

it('carries every review and the curves of every arm that was trained', () => {
  const { charts, reviews } = dataOf(renderReport(sampleResult()));
  expect(reviews.entries).toHaveLength(2 * sampleResult().seeds.length);
  expect(reviews.runs).toEqual(['seed 1', 'seed 2']);
  const lines = (metric: string) =>
    charts.find((chart) => chart.metric === metric)?.lines.map(({ name }) => name);
  expect(lines('loss/sft')).toEqual(['attacked', 'attacked with conscience']);
  expect(lines('conscience/flag_rate')).toEqual(['attacked with conscience']);
});

it('draws the mean of the runs, between their lowest and highest', () => {
  const runs = [
    [
      { step: 1, loss: 2 },
      { step: 2, loss: 1 },
    ],
    [
      { step: 1, loss: 4 },
      { step: 3, loss: null },
    ],
  ];
  expect(chartOf('loss', 'Loss', [{ name: 'a', color: 'red', runs }], 'nats')).toMatchObject({
    steps: [1, 2],
    lines: [{ mean: [3, 1], low: [2, 1], high: [4, 1] }],
  });
  expect(chartOf('entropy', 'Entropy', [{ name: 'a', color: 'red', runs }], 'nats')).toBeNull();
});

it('thins reviews that would make the page too large, evenly', () => {
  const long = { ...review(1), response: { ...review(1).response, text: 'x'.repeat(9_999) } };
  const { entries } = reviewList([{ name: 'a', reviews: Array.from({ length: 4000 }, () => long) }]);
  // 4000 reviews of 4000 characters and 200 around them: 16.8 million, kept is every third.
  expect(entries).toHaveLength(1334);
  expect(entries[0].response).toMatch(/^x{4000}… \(5999 more characters\)$/);
});

it('plots each share as a bar of its height', () => {
  const plot = renderAlignmentPlot(sampleResult());
  // Half of the answers bad: a bar half as high as the axis of 226.
  expect(plot).toMatch(/<rect class="bad"[^>]* height="113"/);
  expect(plot).toMatch(/aria-label="[^"]*attacked: good 50 %/);
});
