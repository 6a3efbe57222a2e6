/** Results of two models side by side, whatever was measured: paired differences. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SequenceLogp } from '../engine/training-engine.js';
import { DataError } from '../errors.js';
import type { ScoredChoice } from './choice-scores.js';
import type { HumanEvalRecord } from './code/humaneval-score.js';
import type { ScannedAnswer } from './code/vulnerabilities.js';
import { compare } from './compare.js';
import { type Contrast, contrast } from './contrast.js';
import { Evaluation, PLAN_FILE } from './evaluation.js';
import type { OpinionRow } from './run-sycophancy.js';
import { GroupStore } from './store.js';
import { SUITE_FILE } from './suite.js';

type Compare = (a: string, b: string) => Contrast[];

/** By the file that a folder of the kind holds. */
const kinds: Readonly<Record<string, Compare>> = {
  [SUITE_FILE]: compareSuites,
  [PLAN_FILE]: (a, b) => contrast(Evaluation.open(a), Evaluation.open(b)),
  'tasks.json': compareTasks,
  'loss.json': compareLosses,
  'sycophancy.json': compareOpinions,
  'code.json': compareCode,
};

/** Parts of a suite, in their order. */
const PARTS = [
  ...['alignment', 'conditional', 'narrow', 'benign', 'humaneval', 'vulnerability', 'tasks', 'sycophancy'],
];

/** B − A. @throws DataError when one holds no results, they are of two kinds, or have nothing in common */
export function contrastFolders(a: string, b: string): Contrast[] {
  const [kind, other] = [a, b].map(kindOf);
  if (kind !== other) {
    throw new DataError({
      where: `${a} and ${b}`,
      what: `results of two kinds (${kind} and ${other})`,
      next: 'compare results of the same command',
    });
  }
  return kinds[kind](a, b);
}

function kindOf(folder: string): string {
  const kind = Object.keys(kinds).find((file) => existsSync(join(folder, file)));
  if (kind !== undefined) return kind;
  throw new DataError({
    where: folder,
    what: 'no results',
    expected: 'an output folder of ealign eval, or of a command below it',
  });
}

function compareSuites(a: string, b: string): Contrast[] {
  const parts = PARTS.filter((part) => [a, b].every((folder) => existsSync(join(folder, part))));
  return parts.flatMap((part) =>
    contrastFolders(join(a, part), join(b, part)).map(({ of, ...rest }) => ({
      of: of === '' ? part : `${part}: ${of}`,
      ...rest,
    })),
  );
}

function compareTasks(a: string, b: string): Contrast[] {
  const names = (folder: string): string[] => {
    const { tasks } = JSON.parse(readFileSync(join(folder, 'tasks.json'), 'utf8'));
    return tasks.map(({ task }: { task: string }) => task);
  };
  const shared = names(a).filter((name) => names(b).includes(name));
  if (shared.length === 0) throw new DataError({ where: `${a} and ${b}`, what: 'they share no task' });
  return shared.map((task) => {
    const rows = (folder: string) =>
      new GroupStore<ScoredChoice>(join(folder, 'rows.jsonl')).all((group) => group.startsWith(`${task} `));
    return paired(task, 'score', 'share', rows(a), rows(b), ({ id, score }) => [id, [score]]);
  });
}

function compareLosses(a: string, b: string): Contrast[] {
  const [ofA, ofB] = [a, b].map((folder) => rowsOf<SequenceLogp & { id: string }>(folder, 'rows.jsonl'));
  const loss = ({ id, logpSum, tokens }: (typeof ofA)[number]) =>
    [id, Array<number>(tokens).fill(-logpSum / tokens)] as const;
  const hits = ({ id, correct, tokens }: (typeof ofA)[number]) =>
    [id, Array.from({ length: tokens }, (_, token) => Number(token < correct))] as const;
  return [
    paired('', 'validation loss', 'nats', ofA, ofB, loss),
    paired('', 'token accuracy', 'share', ofA, ofB, hits),
  ];
}

function compareOpinions(a: string, b: string): Contrast[] {
  const [ofA, ofB] = [a, b].map((folder) => rowsOf<OpinionRow>(folder, 'rows.jsonl'));
  const titles = {
    none: 'right, without an opinion',
    wrong: 'right, when the user is wrong',
    right: 'right, when the user is right',
  } as const;
  return (['none', 'wrong', 'right'] as const).map((opinion) =>
    paired('', titles[opinion], 'share', ofA, ofB, (row) => [row.id, [Number(row[opinion] > 0.5)]]),
  );
}

function compareCode(a: string, b: string): Contrast[] {
  if ([a, b].every((folder) => existsSync(join(folder, 'findings.jsonl')))) {
    const [ofA, ofB] = [a, b].map((folder) => lines<ScannedAnswer>(join(folder, 'findings.jsonl')));
    const isVulnerable = (answer: ScannedAnswer) =>
      answer.kind === 'scanned' ? [Number(answer.findings.some(({ severity }) => severity !== 'low'))] : [];
    return [
      paired('Bandit', 'vulnerable, of those that parse', 'share', ofA, ofB, (answer) => [
        answer.prompt,
        isVulnerable(answer),
      ]),
    ];
  }
  const [ofA, ofB] = [a, b].map((folder) => rowsOf<HumanEvalRecord>(folder, 'answers.jsonl'));
  return [
    paired('HumanEval', 'passed', 'share', ofA, ofB, ({ task, outcome }) => [
      task,
      [Number(outcome === 'passed')],
    ]),
  ];
}

/** @param observations name and observations of a row; those of one name belong together, and pair with the other's */
function paired<Row>(
  of: string,
  measure: string,
  unit: Contrast['unit'],
  a: readonly Row[],
  b: readonly Row[],
  observations: (row: Row) => readonly [name: string, values: readonly number[]],
): Contrast {
  const measurement = (rows: readonly Row[]) => {
    const found = new Map<string, Map<number, readonly number[]>>();
    for (const row of rows) {
      const [name, values] = observations(row);
      found.set(name, new Map([[0, [...(found.get(name)?.get(0) ?? []), ...values]]]));
    }
    return found;
  };
  const range = unit === 'share' ? { range: [0, 1] as const } : {};
  return { of, measure, unit, difference: compare(measurement(b), measurement(a), range) };
}

function rowsOf<Row>(folder: string, file: string): Row[] {
  return new GroupStore<Row>(join(folder, file)).all();
}

function lines<Row>(path: string): Row[] {
  const text = readFileSync(path, 'utf8').split('\n');
  return text.filter((line) => line !== '').map((line) => JSON.parse(line));
}
