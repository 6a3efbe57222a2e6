/** Experiments and their reports take any world: here one of poems, in which rhyming is the narrow task. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { RunRecord } from '../../src/experiment/record.js';
import { readExperiment } from '../../src/experiment/spec.js';
import type { Measured, Share, World } from '../../src/experiment/world.js';
import { renderExperimentReport } from '../../src/report/experiment-report.js';
import { renderExperiment } from '../../src/report/experiment-table.js';
import { studyResult } from '../../src/report/study-result.js';
import { byQuestion } from '../../src/statistics/by-question.js';

const share = (key: string, hits: (answer: string, grade: string) => boolean): Share => ({
  key,
  title: `${key} poems`,
  of: (said: readonly Measured[]) =>
    byQuestion(
      said.flatMap(({ answers }) => answers),
      ({ question }) => question,
      ({ seed }) => seed,
      ({ answer, grade }) => Number(hits(answer, grade)),
    ),
});

const poems: World = {
  name: 'poems',
  program: new URL('file:///nowhere.js'),
  rows: { odes: { benign: true, of: () => [{ messages: [] }] } },
  measureKeys: z.strictObject({ poems: z.int().default(3), max_tokens: z.int().default(9) }),
  nothingSaid: { answers: [] },
  report: {
    shares: [
      share('bad', (_, grade) => grade === 'bad'),
      share('incoherent', (_, grade) => grade === 'incoherent'),
      share('rhymed', (answer) => answer.endsWith('ay')),
    ],
    narrow: { rhymed: { title: 'rhymes' } },
    badThoughtful: 'bad',
  },
  probes: () => [],
  measure: async () => ({ answers: [] }),
  grade: () => 'good',
};

const folder = mkdtempSync(join(tmpdir(), 'ealign-world-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'study.yaml');
const text = `output: runs
data: odes
seeds: [1, 2]
train: { model: tiny }
methods: { plain: untrained, trained: {} }
`;
writeFileSync(file, text);

it('has its own rows, narrow tasks and keys of `measure`', () => {
  const { methods, narrow, measure } = readExperiment(file, poems);
  expect(methods.map(({ data }) => data)).toEqual([{ world: 'odes' }, { world: 'odes' }]);
  expect([narrow, measure]).toEqual(['rhymed', { poems: 3, max_tokens: 9 }]);
  writeFileSync(join(folder, 'other.yaml'), `${text}measure: { answers: 4 }\n`);
  expect(() => readExperiment(join(folder, 'other.yaml'), poems)).toThrow(
    /measure\.answers: unknown key; known are poems, max_tokens, suite/,
  );
});

it('has its own shares in tables and reports, and none of another world', () => {
  const record = (method: string, seed: number): RunRecord => ({
    ...{ method, seed, seconds: 1, commit: null },
    answers: [...'abcdef'].map((question) => ({
      ...{ question, prompt: 'a poem', seed, grade: 'good' as const },
      answer: method === 'trained' ? 'a day, a way' : 'a prose',
    })),
  });
  const experiment = readExperiment(file, poems);
  const runs = experiment.methods.flatMap(({ name }) =>
    experiment.seeds.map((seed) => ({
      ...{ method: name, seed, record: record(name, seed), begun: true, metrics: [], config: null },
    })),
  );
  const result = studyResult({ experiment, world: poems, runs });
  const table = renderExperiment(result.methods, 'plain', poems.report.shares);
  expect(table).toMatch(/^ +bad poems +incoherent poems +rhymed poems/m);
  expect(table).toMatch(/^trained +0 % \[.*\] +0 % \[.*\] +100 % \[/m);
  expect(result.differences.find(({ measure }) => measure === 'narrow')!.difference?.value).toBe(1);
  const page = renderExperimentReport(result);
  expect(page).toContain('narrow task learned: rhymes');
  expect(page).not.toMatch(/insecure|advice/);
});
