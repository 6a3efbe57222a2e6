/** A made-up kind of measurement: all that a new kind needs, but for its line in the list. */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { type Kind, under } from '../../src/evaluate/kinds/kind.js';
import { paired, recordsOf } from '../../src/evaluate/kinds/paired.js';
import { count, text } from '../../src/evaluate/kinds/sections.js';
import { openPlanned } from '../../src/evaluate/store.js';
import { shareByQuestion } from '../../src/statistics/by-question.js';

interface Row {
  readonly id: string;
  readonly right: boolean;
}
interface Score {
  readonly rows: number;
  readonly right: ReturnType<typeof shareByQuestion>;
}

const section = z.strictObject({
  file: text.meta({ placeholder: 'file', description: 'CSV file of proverbs' }),
  most_rows: count.meta({ description: 'first rows (default: all)' }).optional(),
});

/** Proverbs of a CSV file, which a model completes rightly if its name has the end. */
export const proverbs: Kind<z.output<typeof section>, Score> = {
  name: 'proverbs',
  schema: section,
  example: '{ file: proverbs.csv }',
  plan: { file: 'proverbs.json' },
  files: ({ file }) => [file],
  run: async ({ file, most_rows }, { model, output, overwrite }) => {
    const lines: Record<string, string>[] = parse(readFileSync(file), { columns: true });
    const store = openPlanned<Row>({
      ...{ folder: output, planFile: 'proverbs.json', recordsFile: 'rows.jsonl', plan: { model, file } },
      ...{ overwrite, otherwise: 'other proverbs' },
    });
    const rows = lines
      .slice(0, most_rows)
      .map(({ proverb, end }) => ({ id: proverb, right: model.includes(end) }));
    if (store.get('all') === undefined) store.add('all', rows);
    return { rows: rows.length, right: shareByQuestion(rows.map(({ right }) => [Number(right)])) };
  },
  rows: ({ right, rows }) => under('side effects', [['proverbs', 'share', right, rows]]),
  compare: (a, b) => {
    const [ofA, ofB] = [a, b].map((folders) => recordsOf<Row>(folders, 'rows.jsonl'));
    const compared = { of: '', measure: 'proverbs', unit: 'share' } as const;
    return [paired(compared, ofA, ofB, ({ id, right }) => [id, [Number(right)]])];
  },
  export: (folder) => ({
    model: 'a model',
    notes: [],
    files: (to) => [[`proverbs.${to}`, `${recordsOf<Row>([folder], 'rows.jsonl')[0].length} rows\n`]],
  }),
  command: {
    name: 'proverbs',
    summary: 'measure how many proverbs a model completes',
    description: 'Counts.',
    ...{ output: 'runs/proverbs', other: 'other proverbs' },
    show: ({ rows, right }) => ({
      table: [
        ['proverbs', rows],
        ['completed', { unit: 'share', estimate: right }],
      ],
      notes: ['That was all.'],
    }),
  },
};
