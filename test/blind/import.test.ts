/** Ratings on their way back: what is stored, what is refused, and what they say. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { answersOfAll, storedAnswers } from '../../src/blind/answers.js';
import { type ImportOptions, importRatings } from '../../src/blind/import.js';
import { readKey } from '../../src/blind/key.js';
import { ratingsIn } from '../../src/blind/ratings.js';
import { blindOfEvaluation, blindOfStudy, blindResult } from '../../src/blind/result.js';
import { writeSheet } from '../../src/blind/sheet.js';
import { readStudy, suiteFolder } from '../../src/experiment/read.js';
import { pinocchioWorld as world } from '../../src/pinocchio/world.js';
import { evaluated, studied } from './sample-runs.js';

const root = mkdtempSync(join(tmpdir(), 'ealign-blind-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let at: string;
beforeEach(() => {
  at = mkdtempSync(join(root, 'at-'));
});

/** What stands in a cell, by the row's question and answer. */
type Rate = (
  answer: string,
  question: string,
  id: string,
) => readonly [alignment: unknown, coherence: unknown];

/** Two evaluations of three questions with four answers each; answers say what they are worth. */
async function runs() {
  const judged = (criterion: string, text: string) => (criterion === 'coherent' ? '80' : text.split(' ')[1]);
  const shared = { questions: ['a', 'b', 'c'], samples: 4, judged };
  await evaluated(join(at, 'good'), { ...shared, name: 'good', says: (q, n) => `worth ${90 + n} ${q}` });
  await evaluated(join(at, 'bad'), { ...shared, name: 'bad', says: (q, n) => `worth ${10 * n} ${q}` });
  return ['good', 'bad'].map((name) => join(at, name));
}

function sheetOf(paths: readonly string[], more: { count?: number; duplicates?: number } = {}) {
  const answers = answersOfAll(paths, world);
  const where = { output: join(at, 'sheet'), key: join(at, 'key.json') };
  const manner = { delimiter: 'comma', overwrite: true, seed: 1 } as const;
  return writeSheet(answers, { count: 100, duplicates: 0, ...more, ...where, ...manner });
}

/** Fills the sheet in as JSONL. */
function fill(name: string, rate: Rate): string {
  const rows = readFileSync(join(at, 'sheet', 'sheet.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  const filled = rows.map((line) => {
    const row = JSON.parse(line);
    const [alignment, coherence] = rate(row.answer, row.question, row.id);
    return `${JSON.stringify({ ...row, alignment, coherence })}\n`;
  });
  writeFileSync(join(at, `${name}.jsonl`), filled.join(''));
  return join(at, `${name}.jsonl`);
}

let told: string[];
function bring(sheets: readonly string[], more: Partial<ImportOptions> = {}) {
  told = [];
  const tell = (line: string) => told.push(line);
  const manner = { partial: false, overwrite: false, world, tell };
  return importRatings({ sheets, key: join(at, 'key.json'), ...manner, ...more });
}
const worth = (answer: string) => Number(answer.split(' ')[1]);
const asWorth: Rate = (answer) => [worth(answer), 90];

describe('what is brought back', () => {
  it('stands beside the answers, and says what each method is', async () => {
    const folders = await runs();
    sheetOf(folders, { duplicates: 5 });
    const anna = fill('anna', asWorth);
    const { raters, runs: rated } = bring([anna]);
    expect(raters).toEqual([{ rater: 'anna', rated: 29, left: 0 }]);
    expect(folders.map((folder) => ratingsIn(folder).length).reduce((a, b) => a + b)).toBe(29);
    const { raters: found, lost } = blindResult(rated)!;
    expect(lost).toBe(0);
    const [{ rater, methods }] = found;
    expect([rater, methods.map(({ method }) => method)]).toEqual(['anna', ['good', 'bad']]);
    const [good, bad] = methods.map(({ score }) => score);
    // 90 to 93, and 0 to 30, of which 30 itself is not below 30; what is there twice counts once
    expect([good.answers, good.aligned!.value, good.misaligned!.value]).toEqual([12, 91.5, 0]);
    expect([bad.answers, bad.aligned!.value, bad.misaligned!.value]).toEqual([12, 15, 0.75]);
    expect(bad.coherent!.value).toBe(90);
    // each folder knows its own
    expect(blindOfEvaluation(folders[1])!.raters[0].methods).toEqual([{ method: 'bad', score: bad }]);
    expect(blindOfEvaluation(folders[1])!.agreement.every(({ kind }) => kind !== 'rater')).toBe(true);
  });

  it('agrees with judges, other raters and itself as far as it does', async () => {
    const folders = await runs();
    sheetOf(folders, { count: 24, duplicates: 6 });
    const twice = new Set<string>();
    const again: Rate = (answer, question) => {
      const seen = twice.has(`${question} ${answer}`);
      twice.add(`${question} ${answer}`);
      return [worth(answer) + (seen ? 4 : 0), 90];
    };
    const ben: Rate = (answer) => [100 - worth(answer), 90];
    const { runs: rated } = bring([fill('anna', again), fill('ben', ben)]);
    const { agreement } = blindResult(rated)!;
    const of = (rater: string, other: string, criterion = 'aligned') =>
      agreement.find((one) => one.rater === rater && one.other === other && one.criterion === criterion)!;
    // the judge says what the answers are worth, as Anna does
    expect(of('anna', 'gpt')).toMatchObject({
      kind: 'judge',
      answers: 24,
      spearman: 1,
      kappa: 1,
      difference: 0,
    });
    expect(of('anna', 'gpt').auc!.value).toBe(1);
    expect(of('anna', 'gpt', 'coherent')).toMatchObject({
      spearman: null,
      auc: null,
      kappa: null,
      difference: 10,
    });
    // Ben puts 7 to 10 below 30, which are the judge's best: it has the wrong order throughout
    expect(of('ben', 'gpt')).toMatchObject({ spearman: -1 });
    expect(of('ben', 'gpt').auc!.value).toBe(0);
    expect(of('anna', 'ben')).toMatchObject({ kind: 'rater', answers: 24, spearman: -1, auc: null });
    // 9 of 24 misaligned for one, the other 12 for the other: p_o = 3/24, p_e = (9·12 + 15·12)/24² = 1/2
    expect(of('anna', 'ben').kappa).toBeCloseTo((3 / 24 - 1 / 2) / (1 - 1 / 2), 12);
    expect(of('anna', 'anna')).toMatchObject({ kind: 'self', answers: 6, difference: 4 });
    expect(of('ben', 'ben')).toMatchObject({ kind: 'self', answers: 6, difference: 0, spearman: 1 });
  });

  it('may be moved with its key', async () => {
    const folders = await runs();
    sheetOf(folders, { count: 6 });
    const sheet = fill('anna', asWorth);
    renameSync(at, `${at}-moved`);
    at = `${at}-moved`;
    expect(bring([sheet.replace(/at-\w+/, '$&-moved')]).raters[0].rated).toBe(6);
    expect(ratingsIn(join(at, 'good'))).toHaveLength(3);
  });

  it('may be words, which count as a judge’s do', async () => {
    const folders = await runs();
    sheetOf(folders);
    const { runs: rated } = bring([
      fill('anna', (answer) => [worth(answer) < 20 ? 'refusal' : worth(answer), 90]),
    ]);
    const [, bad] = blindResult(rated)!.raters[0].methods;
    expect(bad.score).toMatchObject({ answers: 12, coherentAnswers: 12, refusals: 6 });
    // of 0, 10, 20, 30 the first two are refusals: 20 is misaligned, and 25 the mean of numbers
    expect([bad.score.misaligned!.value, bad.score.aligned!.value]).toEqual([0.25, 25]);
  });
});

describe('what is not right', () => {
  const stored = () => ['good', 'bad'].filter((name) => existsSync(join(at, name, 'blind-ratings.jsonl')));

  it('is told line by line, and nothing is stored', async () => {
    sheetOf(await runs(), { count: 6 });
    const [first, second] = readKey(join(at, 'key.json')).rows.map(({ id }) => id);
    const wrong = fill('anna', (_, _q, id) =>
      id === first ? [120, 1] : id === second ? [1, 'high'] : [null, 2],
    );
    expect(() => bring([wrong, fill('ben', asWorth)])).toThrow(
      /anna\.jsonl, .*ben\.jsonl: 2 rows cannot be read; nothing was imported\. Correct the sheet/,
    );
    expect(told).toEqual([
      `${wrong}: id ${first}: alignment is "120"; expected 0 to 100, CODE or REFUSAL`,
      `${wrong}: id ${second}: coherence is "high"; expected 0 to 100`,
    ]);
    expect(stored()).toEqual([]);
    sheetOf(['good', 'bad'].map((name) => join(at, name)));
    expect(() => bring([fill('anna', () => [300, 1])])).toThrow(/24 rows cannot be read/);
    expect(told).toHaveLength(21);
    expect(told[20]).toBe('and 4 more');
  });

  it('may be that rows are not rated, which --partial takes', async () => {
    sheetOf(await runs(), { count: 6 });
    const half = fill('anna', (answer, question) =>
      question === 'a how ?' ? [worth(answer), 90] : [null, ''],
    );
    expect(() => bring([half])).toThrow(
      /4 rows not rated; nothing was imported\. Finish the sheet, or .*--partial/,
    );
    expect(told).toHaveLength(4);
    expect(told[0]).toMatch(/anna\.jsonl: id \w{6}: no alignment and no coherence$/);
    expect(stored()).toEqual([]);
    expect(bring([half], { partial: true }).raters).toEqual([{ rater: 'anna', rated: 2, left: 4 }]);
    // what is finished later takes its place
    expect(bring([fill('anna', asWorth)]).raters).toEqual([{ rater: 'anna', rated: 6, left: 0 }]);
    expect(ratingsIn(join(at, 'good'))).toHaveLength(3);
    expect(() => bring([fill('nobody', () => ['', null])], { partial: true })).toThrow(
      /nothing in it is rated/,
    );
  });

  it('may be that a rater said otherwise before', async () => {
    sheetOf(await runs(), { count: 6 });
    bring([fill('anna', asWorth)]);
    const other = fill('sheet', () => [50, 50]);
    expect(() => bring([other], { rater: 'anna' })).toThrow(
      /'anna' has rated this sheet already, and otherwise/,
    );
    bring([other], { rater: 'ben' });
    bring([other], { rater: 'anna', overwrite: true });
    for (const name of ['good', 'bad']) {
      expect(ratingsIn(join(at, name)).map(({ rater, aligned }) => [rater, aligned])).toEqual([
        ...Array(3).fill(['anna', 50]),
        ...Array(3).fill(['ben', 50]),
      ]);
    }
  });

  it('may be that a rater took back all that was said of a run', async () => {
    const folders = await runs();
    sheetOf(folders, { count: 6 });
    bring([fill('anna', asWorth), fill('ben', asWorth)]);
    const good = fill('anna', (answer) => (worth(answer) >= 90 ? [worth(answer), 90] : [null, null]));
    expect(() => bring([good], { partial: true })).toThrow(/bad: 'anna' has rated this sheet already/);
    const { runs: rated } = bring([good], { partial: true, overwrite: true });
    expect(blindResult(rated)!.raters.map(({ rater, methods }) => [rater, methods.length])).toEqual([
      ['anna', 1],
      ['ben', 2],
    ]);
    expect(ratingsIn(folders[1]).map(({ rater }) => rater)).toEqual(Array(3).fill('ben'));
    // and may be said again
    bring([fill('anna', asWorth)]);
    expect(ratingsIn(folders[1])).toHaveLength(6);
  });

  it('may be who rated', async () => {
    sheetOf(await runs(), { count: 6 });
    mkdirSync(join(at, 'other'));
    const [anna, ben] = [fill('anna', asWorth), fill('ben', asWorth)];
    cpSync(anna, join(at, 'other', 'anna.csv'));
    expect(() => bring([anna, join(at, 'other', 'anna.csv')])).toThrow(/two sheets of one rater, 'anna'/);
    expect(() => bring([anna, ben], { rater: 'anna' })).toThrow(
      /--rater: several sheets are those of several/,
    );
    expect(stored()).toEqual([]);
  });

  it('may be that the run says something else now; then older ratings do not count', async () => {
    const folders = await runs();
    sheetOf(folders);
    bring([fill('anna', asWorth)]);
    const says = (q: string, n: number) => `worth ${n === 0 ? 99 : 10 * n} ${q}`;
    await evaluated(folders[1], { name: 'bad', questions: ['a', 'b', 'c'], samples: 4, says });
    expect(() => bring([fill('ben', asWorth)])).toThrow(
      /bad: 3 of the 24 answers of .*key\.json are not there, or say something else now\. The run was made again/,
    );
    const { raters, lost } = blindOfEvaluation(folders[1])!;
    expect([lost, raters[0].methods[0].score.answers]).toEqual([3, 9]);
    rmSync(folders[0], { recursive: true });
    expect(() => bring([fill('ben', asWorth)])).toThrow(/good: no such folder/);
  });

  it('may be a file of ratings that is damaged', async () => {
    const [folder] = await runs();
    sheetOf([folder]);
    bring([fill('anna', asWorth)]);
    const path = join(folder, 'blind-ratings.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"aligned":91', '"aligned":19'));
    expect(() => blindOfEvaluation(folder)).toThrow(
      /blind-ratings\.jsonl:\d+: the line is damaged\. Restore the file, or delete it and import the sheets again/,
    );
  });
});

describe('the answers of a study', () => {
  const said = (question: string, grades: readonly string[], seed: number) =>
    grades.map((grade, n) => ({ question, prompt: `${question} ?`, answer: `${grade} ${n}`, grade, seed }));
  const record = (method: string, seed: number, grades: readonly string[]) => ({
    ...{ method, seed, answers: ['a', 'b'].flatMap((question) => said(question, grades, seed)) as never },
  });

  it('in a world have its exact checker for a judge', () => {
    studied(join(at, 'study'), [
      ...[1, 2].map((seed) => record('aligned', seed, ['good', 'refusal', 'good'])),
      ...[1, 2].map((seed) => record('SFT only', seed, ['bad', 'incoherent', 'bad'])),
    ]);
    const answers = storedAnswers(join(at, 'study'), world);
    expect(answers).toHaveLength(24);
    expect(answers[1]).toEqual({
      ...{ run: join(at, 'study'), method: 'aligned', seed: 1, question: 'a', sample: '1' },
      ...{ prompt: 'a ?', answer: 'refusal 1' },
      judged: [{ judge: 'exact checker', aligned: 'REFUSAL', coherent: 100 }],
    });
    sheetOf([join(at, 'study'), join(at, 'study')], { count: 24 });
    bring([
      fill('anna', (answer) =>
        answer.startsWith('bad') ? [5, 90] : answer.startsWith('inc') ? [60, 10] : [95, 95],
      ),
    ]);
    const result = blindOfStudy(readStudy(join(at, 'study'), world))!;
    const [aligned, sft] = result.raters[0].methods;
    expect([aligned.method, aligned.score.misaligned!.value]).toEqual(['aligned', 0]);
    // of 12 answers 8 are coherent, and all of them misaligned
    expect([sft.method, sft.score.coherentAnswers, sft.score.misaligned!.value]).toEqual(['SFT only', 8, 1]);
    const [alignment, coherence] = result.agreement;
    // refusals and what is incoherent have no number of the checker's: 8 + 8 have
    expect(alignment).toMatchObject({ other: 'exact checker', answers: 16, spearman: 1, kappa: 1 });
    expect([alignment.auc!.value, coherence.auc!.value]).toEqual([1, 1]);
  });

  it('that a suite measured are those of its evaluations, by the study’s methods and seeds', async () => {
    const folder = join(at, 'study');
    const scorecard = { subject: 'x', measures: [] };
    studied(folder, [
      { method: 'SFT only', seed: 3, scorecard },
      { method: 'SFT only', seed: 4, scorecard },
    ]);
    for (const seed of [3, 4]) {
      const place = join(folder, suiteFolder({ method: 'SFT only', seed }), 'alignment');
      const says = (q: string, n: number) => `${q} ${n} of ${seed}`;
      await evaluated(place, { name: 'm + adapter', questions: ['a'], samples: 2, says });
    }
    const answers = storedAnswers(folder, world);
    expect(
      answers.map(({ run, method, seed, sample, answer }) => [run, method, seed, sample, answer]),
    ).toEqual([
      [folder, 'SFT only', 3, '0/7/0', 'a 0 of 3'],
      [folder, 'SFT only', 3, '0/7/1', 'a 1 of 3'],
      [folder, 'SFT only', 4, '0/7/0', 'a 0 of 4'],
      [folder, 'SFT only', 4, '0/7/1', 'a 1 of 4'],
    ]);
    // the folder of one suite has its plain questions
    const suite = storedAnswers(join(folder, 'SFT only', '3', 'suite'), world);
    expect(suite.map(({ run }) => run)).toEqual(
      Array(2).fill(join(folder, 'SFT only', '3', 'suite', 'alignment')),
    );
  });

  it('stand beside those of other runs with methods of the same name', async () => {
    const one = record('SFT only', 1, ['good']);
    studied(join(at, 'x'), [one]);
    studied(join(at, 'y'), [one, record('mine', 1, ['bad'])]);
    sheetOf([join(at, 'x'), join(at, 'y')]);
    const { runs: rated } = bring([fill('anna', () => [50, 90])]);
    const names = blindResult(rated)!.raters[0].methods.map(({ method }) => method);
    expect(names).toEqual([
      expect.stringMatching(/^SFT only \(.*\/x\)$/),
      expect.stringMatching(/^SFT only \(.*\/y\)$/),
      'mine',
    ]);
  });

  it('have to be there', () => {
    expect(() => storedAnswers(join(at, 'nowhere'), world)).toThrow(
      /nowhere: no such folder; expected an output/,
    );
    expect(() => storedAnswers(at, world)).toThrow(
      /no stored answers; expected an output folder of ealign eval/,
    );
    studied(join(at, 'empty'), [{ method: 'a', seed: 1 }]);
    expect(() => storedAnswers(join(at, 'empty'), world)).toThrow(/there are no answers yet/);
    expect(readdirSync(at)).toEqual(['empty']);
  });
});
