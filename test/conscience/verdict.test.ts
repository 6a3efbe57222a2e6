import { describe, expect, it } from 'vitest';
import { defaultFormat } from '../../src/conscience/format.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import type { PriorKind } from '../../src/conscience/reading.js';
import { type ReviewSettings, reviewMany } from '../../src/conscience/review.js';
import {
  type LabelLogps,
  type VerdictContext,
  type VerdictRule,
  verdictOfParts,
} from '../../src/conscience/verdict.js';
import { promptOf, responseOf, ScriptedModel } from './scripted-model.js';

const context = { framework: 'asimov', judge: 'frozen-base' };
const rule = { threshold: 0.5, minMass: 0.01 };
const logps = (accept: number, object: number) => ({ accept: Math.log(accept), object: Math.log(object) });

/** Of one question. */
const verdictOf = (one: LabelLogps, prior: number, by: VerdictRule, who: VerdictContext) =>
  verdictOfParts([{ logps: one, prior, weight: 1 }], 0, by, who);

describe('a verdict', () => {
  it("is the objection's share of both labels: 0.3 / (0.1 + 0.3) = 0.75", () => {
    const verdict = verdictOf(logps(0.1, 0.3), 0, rule, context);
    expect(verdict).toMatchObject({ kind: 'objected', ...context });
    expect(verdict.pObjection).toBeCloseTo(0.75, 12);
    expect(verdict.pObjectionRaw).toBeCloseTo(0.75, 12);
    expect(verdict.mass).toBeCloseTo(0.4, 12);
  });

  it('accepts below the threshold and flags at it', () => {
    expect(verdictOf(logps(0.2, 0.2), 0, rule, context).kind).toBe('objected');
    expect(verdictOf(logps(0.21, 0.2), 0, rule, context).kind).toBe('accepted');
    expect(verdictOf(logps(0.1, 0.3), 0, { ...rule, threshold: 0.8 }, context).kind).toBe('accepted');
  });

  it('takes away the log-odds of the prior: odds 3 : 1 against 6 : 1 are 0.5 : 1, a share of 1/3', () => {
    const verdict = verdictOf(logps(0.1, 0.3), Math.log(6), rule, context);
    expect(verdict.kind).toBe('accepted');
    expect(verdict.pObjection).toBeCloseTo(1 / 3, 12);
    expect(verdict.pObjectionRaw).toBeCloseTo(0.75, 12);
  });

  it('is unreadable below the mass, with the numbers kept', () => {
    const verdict = verdictOf(logps(0.001, 0.004), 0, rule, context);
    expect(verdict.kind).toBe('unreadable');
    expect(verdict.mass).toBeCloseTo(0.005, 12);
    expect(verdict.kind === 'unreadable' && verdict.raw).toContain('log P(object) = -5.52');
  });

  it('is sure where only one label is possible', () => {
    expect(verdictOf(logps(0, 0.5), 0, rule, context)).toMatchObject({ kind: 'objected', pObjection: 1 });
    expect(verdictOf(logps(0.5, 0), 0, rule, context)).toMatchObject({ kind: 'accepted', pObjection: 0 });
  });

  it.each([
    ['both labels impossible', logps(0, 0), 0],
    ['not a number', { accept: Number.NaN, object: -1 }, 0],
    ['infinite odds against an infinite prior', logps(0, 0.5), Number.POSITIVE_INFINITY],
  ])('is unreadable: %s', (_, values, prior) => {
    expect(verdictOf(values, prior, { threshold: 0.5, minMass: 0 }, context).kind).toBe('unreadable');
  });

  it('does not overflow at log-probabilities of −2000', () => {
    const verdict = verdictOf({ accept: -2000, object: -1999 }, 0, { threshold: 0.5, minMass: 0 }, context);
    expect(verdict.pObjection).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
  });
});

describe('reviewMany', () => {
  const items = ['one', 'two', 'three'].map((word) => ({
    prompt: promptOf(`Ask ${word}`),
    response: responseOf(`Say ${word}`),
  }));
  const settings = (conscience: ScriptedModel, prior: PriorKind = 'off'): ReviewSettings => ({
    conscience,
    framework: FRAMEWORKS.asimov,
    format: defaultFormat(),
    prior,
    ...rule,
  });
  /** Objects to "two"; to an answer with nothing in it, by 2 : 1. */
  const judge = () =>
    new ScriptedModel('frozen-base', {
      judge: ([{ content }]) =>
        content.includes('N/A') ? [0.2, 0.4] : content.includes('Say two') ? [0.1, 0.9] : [0.4, 0.6],
    });

  it('asks all in one batch and gives verdicts in order', async () => {
    const conscience = judge();
    const reviews = await reviewMany(items, settings(conscience));
    expect(conscience.labelCalls).toHaveLength(1);
    expect(conscience.labelCalls[0].labels).toEqual(['Aligned', 'Misaligned']);
    expect(reviews.map(({ verdict }) => verdict.pObjection!.toFixed(4))).toEqual([
      '0.6000',
      '0.9000',
      '0.6000',
    ]);
    expect(reviews[1]).toMatchObject({ threshold: 0.5, prior: null, question: FRAMEWORKS.asimov.question });
    expect(reviews[1].messages).toEqual(conscience.labelCalls[0].conversations[1]);
    expect(reviews[1].logps!.object).toBeCloseTo(Math.log(0.9), 12);
  });

  it('corrects by the prior of each prompt: odds 3/2 over odds 2 are 3/4, a share of 3/7', async () => {
    const conscience = judge();
    const reviews = await reviewMany(items, settings(conscience, 'neutral'));
    expect(conscience.labelCalls).toHaveLength(1);
    expect(conscience.labelCalls[0].conversations).toHaveLength(6); // 3 reviews, 3 priors
    expect(reviews.map(({ verdict }) => verdict.kind)).toEqual(['accepted', 'objected', 'accepted']);
    expect(reviews[0].verdict.pObjection).toBeCloseTo(3 / 7, 12);
    expect(reviews[1].verdict.pObjection).toBeCloseTo(4.5 / 5.5, 12); // odds 9 over 2
    expect(reviews[0].prior).toEqual({ accept: Math.log(0.2), object: Math.log(0.4) });
  });

  it('measures a content-free prior once for all prompts, and a cached one never again', async () => {
    const conscience = judge();
    const cached = { ...settings(conscience, 'content-free'), priorCache: new Map() };
    const first = await reviewMany(items, cached);
    await reviewMany(items, cached);
    expect(conscience.labelCalls.map(({ conversations }) => conversations.length)).toEqual([4, 3]);
    expect(first[0].verdict.pObjection).toBeCloseTo(3 / 7, 12);
  });

  it('keeps the priors of two judges apart', async () => {
    const priorCache = new Map();
    const lenient = new ScriptedModel('policy', { judge: () => [0.9, 0.1] });
    await reviewMany(items, { ...settings(judge(), 'neutral'), priorCache });
    const [review] = await reviewMany(items, { ...settings(lenient, 'neutral'), priorCache });
    expect(review.verdict.pObjection).toBeCloseTo(0.5, 12);
  });

  it('asks nothing about nothing', async () => {
    const conscience = judge();
    expect(await reviewMany([], settings(conscience))).toEqual([]);
    expect(conscience.labelCalls).toHaveLength(0);
  });

  it('reads verdicts in words, and none from one that is cut off', async () => {
    const said = ['I see harm. Misaligned', 'Nobody is harmed: aligned.', 'I cannot say.'];
    const conscience = new ScriptedModel('remote', { say: (_, i) => said[i] });
    const reviews = await reviewMany(items, { ...settings(conscience), reading: 'text' });
    expect(reviews.map(({ verdict }) => verdict.kind)).toEqual(['objected', 'accepted', 'unreadable']);
    expect(reviews[2].verdict).toMatchObject({ raw: 'I cannot say.', framework: 'asimov', judge: 'remote' });
    expect(reviews[0]).toMatchObject({ text: said[0], logps: null });
    expect(conscience.generateCalls[0].options.temperature).toBe(0);

    const cut = new ScriptedModel('remote', {
      say: () => ({ text: 'It may seem aligned, but', finish: 'length' }),
    });
    const [review] = await reviewMany(items.slice(0, 1), { ...settings(cut), reading: 'text' });
    expect(review.verdict.kind).toBe('unreadable');
  });
});
