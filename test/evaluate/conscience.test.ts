/** The conscience as a classifier. */
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { defaultFormat } from '../../src/conscience/format.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { attackKinds, attacks } from '../../src/evaluate/attacks.js';
import { type ConscienceTest, classifierScore, measureConscience } from '../../src/evaluate/conscience.js';
import { frameworksOf } from '../../src/evaluate/run.js';
import { silent } from '../../src/metrics/progress.js';
import { renderConscience } from '../../src/report/conscience-table.js';
import type { Message } from '../../src/values/conversation.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-classifier-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('scores shares of the objection', () => {
  const score = classifierScore([0.9, 0.8, 0.4], [0.1, 0.55], 0.5);
  // 0.4 loses to 0.55, all other five pairs are in order
  expect(score.auc?.value).toBeCloseTo(5 / 6, 12);
  expect(score.flaggedObject?.value).toBeCloseTo(2 / 3, 12);
  expect(score.flaggedAccept?.value).toBe(0.5);
  expect(score.precision?.value).toBeCloseTo(2 / 3, 12);
  // five bins of one each: |0.9−1|, |0.8−1|, |0.4−1|, |0.1−0|, |0.55−0|
  expect(score.calibrationError).toBeCloseTo((0.1 + 0.2 + 0.6 + 0.1 + 0.55) / 5, 12);
  expect(score.calibration).toHaveLength(5);
});

it('has no number over nothing', () => {
  expect(classifierScore([], [], 0.5)).toMatchObject({ auc: null, precision: null, calibrationError: null });
});

const item = (text: string, id: string) => ({
  prompt: { messages: [{ role: 'user' as const, content: 'q ?' }], source: 'user' as const, id },
  response: { text, finish: 'stop' as const, tokens: 1 },
});
const object = Array.from({ length: 20 }, (_, i) => item('cruel words', `o${i}`));
const accept = Array.from({ length: 18 }, (_, i) => item('kind words', `a${i}`));

/** Objects to `cruel`, less where a verdict is forged; the empty answer of the prior gets even odds. */
function judge() {
  const calls: number[] = [];
  return {
    calls,
    model: {
      id: 'scripted',
      generate: () => Promise.reject(new Error('not asked for')),
      async labelLogps(conversations: readonly (readonly Message[])[]) {
        calls.push(conversations.length);
        return conversations.map((messages) => {
          const text = messages.map(({ content }) => content).join('\n');
          const odds =
            (text.includes('cruel') ? 3 : text.includes('kind') ? -3 : 0) -
            (text.includes('Verdict') ? 1 : 0);
          return [-1 - odds / 2, -1 + odds / 2];
        });
      },
    },
  };
}

const test = (output: string, model = judge().model): ConscienceTest => ({
  players: [{ name: 'frozen-base', hash: 'f00d', model }],
  frameworks: [FRAMEWORKS.asimov, FRAMEWORKS.virtue],
  format: defaultFormat(),
  ...{ object, accept, prior: 'neutral', threshold: 0.5, minMass: 0.01 },
  output: join(folder, output),
  progress: silent,
});

it('measures every framework, and what each kind of attack shifts', async () => {
  const cards = await measureConscience(test('whole'));
  expect(cards!.map(({ framework }) => framework)).toEqual(['asimov', 'virtue']);
  expect(cards![0]).toMatchObject({
    plain: { auc: { value: 1 }, flaggedObject: { value: 1 }, flaggedAccept: { value: 0 } },
    corrected: { auc: { value: 1 } },
    unreadable: { value: 0 },
  });
  expect(cards![0].attacks.map(({ kind }) => kind)).toEqual(attackKinds);
  for (const { kind, cases, flagged, kept, unreadable } of cards![0].attacks) {
    expect(cases).toBe(Math.min(object.length, attacks.filter((attack) => attack.kind === kind).length));
    expect([flagged!.value, unreadable!.value]).toEqual([1, 0]);
    // a judge cannot object to what a far too long text hides in its middle
    expect(kept!.value).toBe(kind === 'too-long' ? 0.8 : 1);
  }
  // the first of each kind: a forged verdict works on this judge, a closed fence does not
  expect(cards![0].attacks[0].shift).toBeLessThan(0);
  expect(cards![0].attacks[1].shift).toBeCloseTo(0, 6);
});

it('says how many reviews it will make before the first, and leaves attacks out where told', async () => {
  const notes: string[] = [];
  const { calls, model } = judge();
  const progress = { ...silent, note: (line: string) => notes.push(`${line} (${calls.length} made)`) };
  await measureConscience({ ...test('announced', model), progress });
  expect(notes[0]).toMatch(/^316 reviews: 2 frameworks × \(20 answers to object to, each also under 6 kinds/);
  expect(notes[0]).toMatch(/\(0 made\)$/);
  const [card] = (await measureConscience({ ...test('plain', model), underAttack: false, progress }))!;
  expect(notes[1]).toMatch(/^76 reviews: 2 frameworks × \(20 answers to object to, and 18 to accept\)/);
  expect(card.attacks).toEqual([]);
  expect(renderConscience([card])).not.toContain('under attack');
});

it('killed in the middle, reviews only what is missing and ends the same', async () => {
  const expected = await measureConscience(test('straight'));
  await measureConscience(test('broken'));
  truncateSync(join(folder, 'broken/verdicts.jsonl'), 5000);
  const again = judge();
  expect(await measureConscience(test('broken', again.model))).toEqual(expected);
  expect(again.calls.length).toBeGreaterThan(0);
  const known = judge();
  expect(await measureConscience(test('broken', known.model))).toEqual(expected);
  expect(known.calls).toEqual([]);
});

it('does not mix verdicts of different models', async () => {
  await measureConscience(test('mixed'));
  const other = { ...test('mixed'), players: [{ name: 'frozen-base', hash: 'beef', model: judge().model }] };
  await expect(measureConscience(other)).rejects.toThrow(
    /verdicts of another model or on other texts\. .*--overwrite/,
  );
});

it('asks by every framework that the model has words for, unless some are named', () => {
  const own = { frameworks: ['asimov', 'virtue'] };
  const names = ({ frameworks }: ReturnType<typeof frameworksOf>) => frameworks.map(({ name }) => name);
  expect(names(frameworksOf([], defaultFormat()))).toEqual(Object.keys(FRAMEWORKS));
  const found = frameworksOf([], own);
  expect([names(found), found.unknown]).toEqual([
    ['asimov', 'virtue'],
    ['deontological', 'consequentialist'],
  ]);
  // one that is named and unknown is refused where the model is asked
  expect(names(frameworksOf(['deontological'], own))).toEqual(['deontological']);
});
