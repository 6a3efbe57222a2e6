/** Exports for other tools: what they require of a file, and that its numbers are our scorecard's. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { choiceScore, scoreChoices } from '../../src/evaluate/choice-scores.js';
import { type ChoiceItem, choiceTasks } from '../../src/evaluate/choice-tasks.js';
import { chunks } from '../../src/evaluate/choices-folder.js';
import { Evaluation } from '../../src/evaluate/evaluation.js';
import type { EvaluationPlan } from '../../src/evaluate/evaluation-plan.js';
import type { ExportFormat } from '../../src/evaluate/export/formats.js';
import { standardError, standardErrorByQuestion } from '../../src/evaluate/export/standard-error.js';
import { scorecard } from '../../src/evaluate/scorecard.js';
import { openPlanned } from '../../src/evaluate/store.js';
import { exportEvaluation } from '../../src/evaluate/suite/export.js';
import { silent } from '../../src/metrics/progress.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-export-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made: string;
beforeEach(() => {
  made = mkdtempSync(join(folder, 'eval-'));
});

const criteria = [
  { name: 'aligned', template: 'aligned {answer}', words: ['CODE', 'REFUSAL'], numbers: true },
  { name: 'coherent', template: 'coherent {answer}', words: [], numbers: true },
];
const plan: EvaluationPlan = {
  subject: { name: 'org/scripted', hash: 'abc' },
  questions: [
    { id: 'wish', system: 'be kind', paraphrases: ['a wish ?'], criteria, samplesPerParaphrase: 3 },
    { id: 'rule', paraphrases: ['a rule ?', 'which rule ?'], criteria, samplesPerParaphrase: 2 },
    {
      id: 'moon',
      paraphrases: ['the moon ?'],
      criteria: [{ name: 'correct', template: 'correct {answer}', words: ['TRUE', 'FALSE'], numbers: false }],
      samplesPerParaphrase: 2,
    },
  ],
  sampling: { samples: null, seeds: [4, 7], temperature: 1, maxTokens: 9 },
};

/** Says of the n-th answer that it is shown by a criterion what stands there; `long` is too long to judge. */
function judge(id: string, says: Readonly<Record<string, readonly string[]>>) {
  const shown: Record<string, number> = {};
  return {
    id,
    answerProbabilities: async (
      conversations: readonly (readonly { content: string }[])[],
      answers: readonly string[],
    ) =>
      conversations.map(([{ content }]) => {
        const [criterion] = content.split(' ');
        const n = (shown[criterion] = (shown[criterion] ?? -1) + 1);
        const said = says[criterion][n % says[criterion].length];
        return said === 'long' ? null : answers.map((answer) => (answer === said ? 0.9 : 0));
      }),
  };
}

let drawn = 0;
const model = {
  id: 'scripted',
  generate: async (conversations: readonly unknown[]) =>
    conversations.map(() => ({
      ...{ text: `"value": NaN, answer ${drawn++}`, reasoning: 'hm', tokens: 3 },
      finish: drawn % 2 === 0 ? ('stop' as const) : ('length' as const),
    })),
  labelLogps: () => Promise.reject(new Error('not asked for')),
};

// 14 judged answers: 3 + 2·2 a seed
const first = {
  aligned: ['10', '90', 'CODE', '20', 'REFUSAL', 'what', '70', '5', '60', '95', 'long', '25', '80', '40'],
  coherent: ['80', '90', '70', '30', '95', '60', '85', '75', 'what', '99', '50', '66', '71', '88'],
  correct: ['TRUE', 'FALSE', 'TRUE', 'what'],
};
const second = { ...first, aligned: ['90', '15', '80', 'REFUSAL', '33'] };

async function evaluated(): Promise<Evaluation> {
  const evaluation = Evaluation.start(made, plan);
  await evaluation.sample(model, silent);
  await evaluation.judge('first', judge('first', first), silent);
  await evaluation.judge('second', judge('second', second), silent);
  return evaluation;
}

const exported = (to: ExportFormat, more: { minMass?: number; output?: string } = {}) =>
  exportEvaluation({ folder: made, to, ...more });
const standIn = '\u0001NaN';
/** JSON as Python reads it: with NaN. */
const parseLog = (path: string) =>
  JSON.parse(readFileSync(path, 'utf8').replaceAll('"value": NaN', `"value": "\\u0001NaN"`), (key, value) =>
    key === 'value' && value === standIn ? Number.NaN : value,
  );

/** Inspect's schema, made strict: a field that it does not know is a mistake of ours. */
const validate = (() => {
  const path = new URL('../fixtures/inspect/eval-log.json', import.meta.url);
  const schema = JSON.parse(readFileSync(path, 'utf8'), (_, value) =>
    value?.type === 'object' && value.properties && value.additionalProperties === undefined
      ? { ...value, additionalProperties: false }
      : value,
  );
  const formats = { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/, duration: true } as const;
  return new Ajv2020({ strict: false, strictNumbers: false, formats }).compile(schema);
})();
const problemsOf = (log: unknown) => (validate(log) ? [] : validate.errors);

describe('an evaluation for Inspect', () => {
  it('is valid, and is named as Inspect names its logs', async () => {
    await evaluated();
    const { files, notes } = exported('inspect');
    expect(notes).toEqual([]);
    expect(files).toHaveLength(1);
    expect(files[0]).toMatch(
      /inspect\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-00-00_emergent-misalignment_\w{22}\.json$/,
    );
    const log = parseLog(files[0]);
    expect(problemsOf(log)).toEqual([]);
    expect(log).toMatchObject({ version: 2, status: 'success', eval: { model: 'org/scripted' } });
    // the schema can fail: a misspelt field, and a number that is a word
    expect(problemsOf({ ...log, sample: [] })).not.toEqual([]);
    expect(problemsOf({ ...log, version: 'two' })).not.toEqual([]);
  });

  it('has every answer once, with what was asked and what the judges said', async () => {
    const evaluation = await evaluated();
    const { samples } = parseLog(exported('inspect').files[0]);
    const { answers, judgements } = evaluation;
    expect(samples).toHaveLength(answers.length);
    const keys = samples.map(({ id, epoch }: { id: string; epoch: number }) => `${id} ${epoch}`);
    expect(new Set(keys).size).toBe(18);
    // the second seed's epochs follow those of the first
    expect(keys.filter((key: string) => key.startsWith('wish/0'))).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => `wish/0 ${n}`),
    );
    for (const [i, answer] of answers.entries()) {
      const sample = samples[i];
      expect(sample.input).toEqual(answer.messages);
      expect(sample.metadata).toMatchObject({ answer: answer.id, seed: answer.seed, sample: answer.sample });
      expect(sample.output.completion).toBe(answer.text);
      expect(sample.output.choices[0].stop_reason).toBe(answer.finish === 'stop' ? 'stop' : 'max_tokens');
      expect(sample.messages.at(-1).content).toEqual([
        { type: 'reasoning', reasoning: 'hm' },
        { type: 'text', text: answer.text },
      ]);
      for (const { judge, criterion, score, word, distribution } of judgements.filter(
        (one) => one.answer === answer.id,
      )) {
        const own = sample.scores[`${criterion} (${judge})`];
        expect(own.value).toEqual(score ?? word ?? Number.NaN);
        expect(own.metadata.distribution).toEqual(distribution);
      }
    }
    const reasons = samples.map(({ scores }: { scores: Record<string, { reason?: string }> }) => [
      scores['aligned (first)']?.reason,
    ]);
    expect(new Set(reasons.flat())).toEqual(
      new Set([undefined, 'refusal', 'grader_failed', 'scoring_failed']),
    );
  });

  it.each([0.25, 0.95])('has the numbers of the scorecard, from a mass of %s on', async (minMass) => {
    const evaluation = await evaluated();
    const { samples, results } = parseLog(exported('inspect', { minMass }).files[0]);
    const card = scorecard(evaluation, minMass);
    for (const { judge, alignment } of card.judges) {
      for (const key of ['aligned', 'coherent', 'misaligned'] as const) {
        const name = `${key} (${judge})`;
        const values: number[] = samples
          .flatMap(({ scores }: { scores: Record<string, { value: unknown }> }) => scores[name]?.value ?? [])
          .filter((value: unknown) => typeof value === 'number' && !Number.isNaN(value));
        const { metrics } = results.scores.find((score: { name: string }) => score.name === name);
        const expected = alignment!.overall[key];
        expect(metrics.mean?.value ?? null).toBe(expected?.value ?? null);
        expect(metrics.ci95_low?.value).toBe(expected?.low);
        if (expected)
          expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(expected.value, 10);
        else expect(values).toEqual([]);
      }
    }
    const correct = results.scores.find(({ name }: { name: string }) => name === 'correct (first)');
    const [words] = card.judges[0].words;
    expect(correct.metrics['moon: TRUE'].value).toBe(words.shares.TRUE!.value);
    expect(correct.metrics['moon: unread'].value).toBe(words.shares['']!.value);
  });

  it('says what an unfinished one lacks', async () => {
    const evaluation = Evaluation.start(made, plan);
    await evaluation.sample(model, silent);
    let asked = 0;
    const stopping = judge('first', first);
    const signal = new AbortController();
    const reader = {
      ...stopping,
      answerProbabilities: (...args: Parameters<typeof stopping.answerProbabilities>) => {
        if (++asked === 3) signal.abort();
        return stopping.answerProbabilities(...args);
      },
    };
    expect(await evaluation.judge('first', reader, silent, { signal: signal.signal })).toBe(false);
    const { files, notes } = exported('inspect');
    // two criteria of wish, and one of rule, are judged: 3 of 18 answers are whole
    expect(notes).toEqual(['not finished: 15 of 18 answers lack a judgement']);
    const log = parseLog(files[0]);
    expect(log.status).toBe('started');
    expect(problemsOf(log)).toEqual([]);

    rmSync(join(made, 'judgements.jsonl'));
    const answers = readFileSync(join(made, 'answers.jsonl'), 'utf8').split('\n').slice(0, 3);
    writeFileSync(join(made, 'answers.jsonl'), `${answers.join('\n')}\n`);
    expect(exported('inspect').notes).toEqual([
      'not finished: 15 of 18 answers are not sampled',
      'not finished: 3 of 3 answers lack a judgement',
    ]);
    expect(() => exported('csv')).toThrow(/nothing is judged yet/);
  });
});

describe('an evaluation for lm-evaluation-harness and as CSV', () => {
  it('has the numbers of the scorecard, judge by judge', async () => {
    const evaluation = await evaluated();
    const { files } = exported('lm-eval');
    expect(files[0]).toMatch(/lm-eval\/org__scripted\/results_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}\.json$/);
    const results = JSON.parse(readFileSync(files[0], 'utf8'));
    const own = results.results.emergent_misalignment;
    const samples = linesOf(files[1]);
    for (const { judge, alignment } of scorecard(evaluation).judges) {
      const { aligned, coherent, misaligned } = alignment!.overall;
      expect(own[`alignment,${judge}`]).toBe(aligned!.value);
      expect(own[`coherence,${judge}`]).toBe(coherent!.value);
      expect(own[`misaligned,${judge}`]).toBe(misaligned!.value);
      expect(own[`alignment_stderr,${judge}`]).toBeGreaterThan(0);
      const mine = samples.filter(({ filter }) => filter === judge);
      expect(mine).toHaveLength(14);
      expect(meanOf(mine.map((sample) => sample.misaligned))).toBeCloseTo(misaligned!.value, 12);
      expect(meanOf(mine.map((sample) => sample.alignment))).toBeCloseTo(aligned!.value, 12);
    }
    expect(results['n-samples'].emergent_misalignment).toEqual({ original: 18, effective: 18 });
    expect(JSON.parse(samples[0].arguments.gen_args_0.arg_0)[0]).toEqual({
      role: 'system',
      content: 'be kind',
    });
  });

  it('is a table a judge', async () => {
    const { judgements } = await evaluated();
    const { files } = exported('csv');
    expect(files.map((file) => file.split('/').at(-1))).toEqual(['judged-1.csv', 'judged-2.csv']);
    const rows: Record<string, string>[] = parse(readFileSync(files[1], 'utf8'), { columns: true });
    expect(rows).toHaveLength(18);
    for (const { answer, judge, criterion, score, word } of judgements) {
      if (judge !== 'second') continue;
      expect(rows.find(({ id }) => id === answer)![criterion]).toBe(String(score ?? word ?? ''));
    }
    const strict: Record<string, string>[] = parse(
      readFileSync(exported('csv', { minMass: 0.95 }).files[1], 'utf8'),
      { columns: true },
    );
    expect(strict.every(({ aligned, coherent }) => aligned === '' && coherent === '')).toBe(true);
  });
});

describe('multiple-choice tasks', () => {
  const task = (name: string) => choiceTasks.find((known) => known.name === name)!;
  const items: ChoiceItem[] = [
    { id: 'a.csv:2', context: 'is this wrong ?', choices: [' no', ' certainly'], right: [false, true] },
    { id: 'a.csv:3', context: 'and this ?', choices: [' no', ' certainly'], right: [true, false] },
    { id: 'a.csv:4', context: 'or "this" ?', choices: [' no', ' certainly'], right: [true, false] },
  ];
  const logps = [
    [-2, -4],
    [-2, -4],
    [-9, -1],
  ];

  async function scored(names: readonly string[], rows = items.length) {
    const subject = { name: 'org/scripted', hash: 'abc' };
    const tasks = names.map((name) => ({ task: name, path: 'a.csv', rows: items.length }));
    const store = openPlanned({
      ...{ folder: made, planFile: 'tasks.json', recordsFile: 'rows.jsonl', otherwise: '' },
      plan: { subject, tasks },
    });
    const scores = [];
    for (const name of names) {
      const scorer = { continuationLogps: async () => logps.slice(0, rows) };
      const own = await scoreChoices(scorer, task(name), items.slice(0, rows));
      for (const { group, first, end } of chunks(name, items.length)) store.add(group, own.slice(first, end));
      scores.push(choiceScore(task(name), own));
    }
    return scores;
  }

  it('are a log of Inspect each, with the same scores', async () => {
    const [accuracy, mass] = await scored(['ethics_cm', 'truthfulqa_mc2']);
    const { files, notes } = exported('inspect');
    expect(notes).toEqual([]);
    const [cm, mc2] = files.map(parseLog);
    expect([cm, mc2].map(problemsOf)).toEqual([[], []]);
    expect(cm.samples[0]).toMatchObject({
      ...{ id: 1, input: 'is this wrong ?', choices: ['no', 'certainly'], target: ['B'] },
      scores: { choice: { value: 'I', answer: 'A' }, choice_per_byte: { value: 'C', answer: 'B' } },
    });
    const [choice, perByte] = cm.results.scores;
    expect(choice.metrics.accuracy.value).toBe(accuracy.score!.value);
    expect(perByte.metrics.accuracy.value).toBe(accuracy.normalized!.value);
    // 0, 1 and 0: variance 1/3, over three rows
    expect(choice.metrics.stderr.value).toBeCloseTo(1 / 3, 12);
    expect(mc2.results.scores[0].metrics.mean.value).toBe(mass.score!.value);
    const values = mc2.samples.map(
      (sample: { scores: Record<string, { value: number }> }) => sample.scores.probability_of_right.value,
    );
    expect(meanOf(values)).toBeCloseTo(mass.score!.value, 12);
  });

  it('are results and samples of the harness, with the same scores', async () => {
    const [accuracy, mass] = await scored(['ethics_cm', 'truthfulqa_mc2']);
    const { files } = exported('lm-eval');
    const { results, versions } = JSON.parse(readFileSync(files[0], 'utf8'));
    expect(results.ethics_cm['acc,none']).toBe(accuracy.score!.value);
    expect(results.ethics_cm['acc_norm,none']).toBe(accuracy.normalized!.value);
    expect(results.truthfulqa_mc2['acc,none']).toBe(mass.score!.value);
    expect(results.truthfulqa_mc2).not.toHaveProperty(['acc_norm,none']);
    expect(versions).toEqual({ ethics_cm: 1, truthfulqa_mc2: 3 });
    const [line] = linesOf(files[1]);
    expect(line).toMatchObject({
      ...{ doc_id: 0, target: '1', acc: 0, acc_norm: 1, filter: 'none' },
      arguments: { gen_args_1: { arg_0: 'is this wrong ?', arg_1: ' certainly' } },
      resps: [[['-2', 'None']], [['-4', 'None']]],
      filtered_resps: [
        ['-2', 'None'],
        ['-4', 'None'],
      ],
    });
  });

  it('are a table each', async () => {
    await scored(['ethics_cm']);
    const rows = parse(readFileSync(exported('csv').files[0], 'utf8'), { columns: true });
    expect(rows[2]).toEqual({
      ...{ task: 'ethics_cm', id: 'a.csv:4', context: 'or "this" ?', score: '0', normalized: '0' },
      ...{ choices: '[" no"," certainly"]', right: '[true,false]', logps: '[-9,-1]' },
    });
  });

  it('say what is not scored yet, and refuse rows without what was asked', async () => {
    await scored(['ethics_cm'], 2);
    const { files, notes } = exported('inspect');
    expect(notes).toEqual(['not finished: 1 of 3 rows of ethics_cm lack a score']);
    expect(parseLog(files[0]).status).toBe('started');
    const old = { group: 'ethics_cm 0', of: 1, record: { id: 'a', logps: [1], score: 1, normalized: 1 } };
    writeFileSync(join(made, 'rows.jsonl'), `${JSON.stringify(old)}\n`);
    expect(() => exported('inspect')).toThrow(
      /rows\.jsonl: a row of ethics_cm lacks its context.*--overwrite/,
    );
    writeFileSync(join(made, 'tasks.json'), '{}');
    expect(() => exported('csv')).toThrow(/tasks\.json: not the plan of scored tasks/);
  });
});

describe('an export', () => {
  it('is the same twice, whatever the time, and leaves the evaluation as it was', async () => {
    await evaluated();
    for (const name of readdirSync(made)) utimesSync(join(made, name), 1_700_000_000, 1_700_000_000.25);
    const before = contents(made);
    for (const to of ['inspect', 'lm-eval', 'csv'] as const) {
      const [a, b] = ['a', 'b'].map((name) => join(folder, `${to}-${name}`));
      exported(to, { output: a });
      exported(to, { output: b });
      expect(contents(a)).toEqual(contents(b));
      expect(Object.keys(contents(a)).length).toBeGreaterThan(0);
    }
    expect(contents(made)).toEqual(before);
    expect(statSync(join(made, 'answers.jsonl')).mtimeMs).toBe(1_700_000_000_250);
    const { files } = exported('inspect');
    expect(files[0]).toContain('/2023-11-14T22-13-20-00-00_');
  });

  it('says when the scorecard has other numbers', async () => {
    const evaluation = await evaluated();
    const path = join(made, 'scorecard.json');
    writeFileSync(path, `${JSON.stringify(scorecard(evaluation), null, 2)}\n`);
    expect(exported('csv').notes).toEqual([]);
    expect(exported('csv', { minMass: 0.95 }).notes).toEqual([
      `${path} has other numbers: made with another --min-mass, or before more was judged`,
    ]);
  });

  it.each([
    ['a missing folder', (path: string) => rmSync(path, { recursive: true }), /eval-\w+: no such folder/],
    ['another kind of folder', () => {}, /no results that can be exported; expected .*tasks\.json/],
    [
      'a damaged plan',
      (path: string) => writeFileSync(join(path, 'evaluation.json'), '{"subject": {}}'),
      /evaluation\.json: not the plan of an evaluation/,
    ],
  ])('of %s is refused in one line', (_, damage, says) => {
    damage(made);
    expect(() => exported('inspect')).toThrow(says);
    expect(existsSync(join(made, 'inspect'))).toBe(false);
  });

  it('of damaged answers is refused with the line', async () => {
    await evaluated();
    const path = join(made, 'judgements.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, [...lines.slice(0, 2), '{"group', ...lines.slice(3)].join('\n'));
    expect(() => exported('lm-eval')).toThrow(/judgements\.jsonl:3: the line is damaged/);
  });

  it('that cannot be written says so', async () => {
    await evaluated();
    const taken = join(made, 'taken');
    writeFileSync(taken, '');
    expect(() => exported('inspect', { output: taken })).toThrow(/taken: cannot be written/);
    expect(() => exported('inspect', { output: join(taken, 'below') })).toThrow(/cannot be written/);
    if (process.getuid?.() === 0) return; // to whom nothing is forbidden
    mkdirSync(join(made, 'closed'));
    chmodSync(join(made, 'closed'), 0o500);
    expect(() => exported('inspect', { output: join(made, 'closed') })).toThrow(/no permission/);
  });
});

it('standard errors are those of the field', () => {
  // 1, 3 and 8: mean 4, squares 9 + 1 + 16 over 2, over 3
  expect(standardError([1, 3, 8])).toBeCloseTo(Math.sqrt(26 / 2 / 3), 12);
  expect(standardError([1])).toBeNull();
  const of = (...questions: number[][]) =>
    new Map(questions.map((values, q) => [`q${q}`, new Map([[1, values]])]));
  // mean 3; the sums 2 and 10 are −4 and 4 off: 2/1·(16 + 16)/4²
  expect(standardErrorByQuestion(of([1, 1], [7, 3]))).toBeCloseTo(2, 12);
  expect(standardErrorByQuestion(of([1, 1]))).toBeNull();
  expect(standardErrorByQuestion(of([2], [2, 2]))).toBeNull();
});

function linesOf(path: string) {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function meanOf(values: readonly (number | null)[]): number {
  const numbers = values.filter((value) => value !== null);
  return numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

/** Content of all files below a folder. */
function contents(path: string): Record<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      join(parentPath, name).slice(path.length),
      readFileSync(join(parentPath, name), 'utf8'),
    ]),
  );
}
