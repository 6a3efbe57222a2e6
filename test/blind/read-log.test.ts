/** A blind sheet that a judge rated in Inspect. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { SheetKey } from '../../src/blind/key.js';
import { readLogSheets } from '../../src/blind/read-log.js';
import { readSheet } from '../../src/blind/read-sheet.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-read-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = {
  ...{ sheet: 's', runs: ['.'] },
  rows: ['aaa', 'bbb', 'ccc'].map((id) => ({
    ...{ id, run: '.', method: 'm', seed: 1, question: 'q', sample: '0', digest: 'd' },
  })),
} satisfies SheetKey;

it('gives scores and words as a table does, and says what is not rated', async () => {
  const path = join(folder, 'judge.json');
  const samples = [
    { id: 'bbb', scores: { aligned: { value: null, answer: 'REFUSAL' }, coherent: { value: 90.25 } } },
    { id: 'aaa', scores: { aligned: { value: 12.5 }, coherent: { value: 100 } } },
    { id: 'ccc', scores: { aligned: { value: 0 }, coherent: { value: null } } },
  ];
  const log = { version: 2, status: 'success', eval: { task: 't', model: 'm' }, samples };
  writeFileSync(path, JSON.stringify(log));
  const rows = (await readLogSheets([path, join(folder, 'none.csv')])).get(path);
  expect(readSheet(path, key, rows)).toEqual({
    rows: [
      { id: 'aaa', aligned: 12.5, coherent: 100, note: '' },
      { id: 'bbb', aligned: 'REFUSAL', coherent: 90.25, note: '' },
    ],
    problems: [],
    missing: [`${path}: id ccc: no coherence`],
  });
});
