/** A conscience that cannot be read, or says the same of good and bad, is told from one that has nothing to object to. */
import { describe, expect, test } from 'vitest';
import { builtInCanaries } from '../../src/conscience/canaries.js';
import { checkConscience } from '../../src/conscience/check.js';
import { defaultFormat } from '../../src/conscience/format.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import type { ReviewSettings } from '../../src/conscience/review.js';
import { requireConscience, watchFirstReviews } from '../../src/train/conscience-check.js';
import type { Message } from '../../src/values/conversation.js';
import { withConscience } from '../../src/zero-shot/with-conscience.js';
import { type Script, ScriptedModel } from './scripted-model.js';

const isBad = (messages: readonly Message[]) =>
  builtInCanaries.some(({ bad }) => messages.some(({ content }) => content.includes(bad)));

const judged = (
  judge: NonNullable<Script['judge']>,
  settings: Partial<ReviewSettings> = {},
): ReviewSettings => ({
  conscience: new ScriptedModel('frozen-base', { judge, say: () => 'no idea' }),
  framework: FRAMEWORKS.asimov,
  format: defaultFormat(),
  threshold: 0.5,
  minMass: 0.01,
  ...settings,
});
const check = (judge: NonNullable<Script['judge']>, settings?: Partial<ReviewSettings>) =>
  checkConscience(builtInCanaries, judged(judge, settings));

/** Probabilities of [accept, object]. */
const sound: NonNullable<Script['judge']> = (messages) => (isBad(messages) ? [0.2, 0.7] : [0.8, 0.1]);
const noise: NonNullable<Script['judge']> = (messages) => (isBad(messages) ? [7e-6, 8e-6] : [8e-6, 6e-6]);
const constant: NonNullable<Script['judge']> = (messages) => (isBad(messages) ? [0.9, 0.01] : [0.9, 0.008]);
const lenient: NonNullable<Script['judge']> = (messages) => (isBad(messages) ? [0.6, 0.4] : [0.9, 0.1]);

describe('a conscience', () => {
  test('that tells good from bad has no fault, with few reviews and none at random', async () => {
    const settings = judged(sound);
    expect(await checkConscience(builtInCanaries, settings)).toEqual({ fault: null, finding: '' });
    expect(
      (settings.conscience as ScriptedModel).labelCalls.flatMap((call) => call.conversations),
    ).toHaveLength(12);
  });

  test('whose labels have next to no probability cannot be read, whatever min_mass lets pass', async () => {
    for (const minMass of [0.01, 0]) {
      const { fault, finding } = await check(noise, { minMass });
      expect(fault).toBe('unreadable');
      expect(finding).toContain('all 12 of its verdicts');
      expect(finding).toMatch(/together have a probability of 1\.5e-5|of 0\.000015/);
    }
  });

  test('for which the question is too long, or whose probabilities are no numbers, cannot be read', async () => {
    const { fault, finding } = await check(() => [Number.NaN, Number.NaN]);
    expect(fault).toBe('unreadable');
    expect(finding).toContain('too long');
  });

  test('that says the same with the same certainty is constant, either way', async () => {
    expect((await check(constant)).fault).toBe('constant');
    const { fault, finding } = await check((messages) => [...constant(messages, [])].reverse());
    expect(fault).toBe('constant');
    expect(finding).toContain('all 12 are objected');
  });

  test('that only never reaches the threshold is one-sided; at 0 that was asked for', async () => {
    expect((await check(lenient)).fault).toBe('one-sided');
    expect((await check(lenient, { threshold: 0 })).fault).toBeNull();
    expect((await check(constant, { threshold: 0 })).fault).toBe('constant');
  });

  test('that finds bad answers no worse than good ones is near chance, however it flags', async () => {
    const blind: NonNullable<Script['judge']> = ([{ content }]) => {
      const objects = 0.3 + 0.4 * ((content.length % 10) / 10);
      return [1 - objects, objects];
    };
    const { fault, finding } = await check(blind);
    expect(fault).toBe('chance');
    expect(finding).toMatch(/hardly tells plainly bad answers .* in \d+(\.\d)? % of comparisons/);
    // all on one side, and the wrong way round
    const inverted: NonNullable<Script['judge']> = (messages) => (isBad(messages) ? [0.9, 0.1] : [0.6, 0.4]);
    expect((await check(inverted)).fault).toBe('chance');
  });

  test('that judges in words is read likewise', async () => {
    const { fault, finding } = await check(sound, { reading: 'text' });
    expect(fault).toBe('unreadable');
    expect(finding).toContain('names no label');
  });

  test('of which none of the first reviews can be read says so once', async () => {
    const told: string[] = [];
    const conscience = new ScriptedModel('judge', { judge: noise, say: () => 'better' });
    const policy = new ScriptedModel('model', { say: () => 'hi' });
    const model = withConscience(policy, { conscience, warn: (sentence) => told.push(sentence) });
    const ask = () => model.generate([[{ role: 'user', content: 'Hi' }]], { maxTokens: 5 });
    await ask();
    expect(told).toEqual([]);
    for (let i = 0; i < 4; i++) await ask();
    expect(told).toEqual(['None of the first 3 reviews of the conscience (judge) can be read.']);
  });

  test('in front of a model can be checked', async () => {
    const conscience = new ScriptedModel('judge', { judge: noise });
    const model = withConscience(new ScriptedModel('model', { say: () => 'hi' }), { conscience });
    expect((await model.check()).fault).toBe('unreadable');
  });
});

describe('training', () => {
  const folder = 'no-such-folder';
  const run = async (judge: NonNullable<Script['judge']>, mode: 'stop' | 'warn' | 'off') => {
    const notes: string[] = [];
    await requireConscience(judged(judge), folder, mode, (line) => notes.push(line));
    return notes;
  };

  test('stops where verdicts are unreadable or constant, with the next step', async () => {
    await expect(run(noise, 'stop')).rejects.toThrow(
      /conscience: the conscience \(frozen-base\) cannot be read/,
    );
    await expect(run(constant, 'stop')).rejects.toThrow(/conscience\.check: warn/);
  });

  test('warns where it is told to, and where only the threshold is never reached', async () => {
    expect(await run(noise, 'warn')).toHaveLength(1);
    expect(await run(lenient, 'stop')).toHaveLength(1);
    expect(await run(sound, 'stop')).toEqual([]);
    expect(await run(noise, 'off')).toEqual([]);
  });

  test('tells once of first reviews of which none can be read', () => {
    const notes: string[] = [];
    const record = (kind: string) => ({ review: { verdict: { kind } } }) as never;
    const watch = watchFirstReviews((line) => notes.push(line));
    watch([]);
    watch([record('unreadable'), record('unreadable')]);
    watch([record('unreadable')]);
    expect(notes).toEqual(['Warning: none of the first 2 reviews can be read, so that they teach nothing.']);
    watchFirstReviews((line) => notes.push(line))([record('unreadable'), record('accepted')]);
    expect(notes).toHaveLength(1);
  });
});
