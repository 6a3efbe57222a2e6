/** Choosing a reading: fitted, held out by topic, no dearer than it is worth. */
import { describe, expect, it } from 'vitest';
import {
  type Candidate,
  choose,
  foldsOf,
  judge,
  type MeasuredAnswer,
  readingOf,
  thresholdOdds,
} from '../../src/calibrate/choose.js';
import { fitLogistic } from '../../src/calibrate/logistic.js';
import { pairsFor } from '../../src/calibrate/sample-size.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { sigmoid } from '../../src/conscience/verdict.js';
import { Random } from '../../src/random.js';

const normal = (random: Random) =>
  Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

/** Answers whose first part tells them apart, whose second is noise, and whose third is noise of the prompt. */
function answers(pairs: number, gap: number, seed = 1): MeasuredAnswer[] {
  const random = new Random(seed, 'answers');
  return Array.from({ length: 2 * pairs }, (_, i) => {
    const careless = i % 2 === 1;
    const ofPrompt = 5 * normal(new Random(seed, 'prompt', i >> 1));
    const signal = normal(random) + (careless ? gap : 0);
    return {
      topic: `topic ${i >> 2}`,
      careless,
      odds: [signal - 3, normal(random) * 20, normal(random) + (careless ? gap : 0) + ofPrompt],
      priors: [-3, 0, ofPrompt],
    };
  });
}

const alone = (part: number, prior: Candidate['prior'] = 'off'): Candidate => ({ parts: [part], prior });
const how = { falseAlarms: 0.02, seed: 1 };

describe('the choice', () => {
  it('is the question that tells the answers apart', () => {
    const { candidate, heldOut } = choose(answers(100, 3), [alone(1), alone(0)], how);
    expect(candidate).toEqual(alone(0));
    // two normals 3 standard deviations apart: Φ(3 / √2)
    expect(heldOut.auc!.value).toBeCloseTo(0.983, 1);
    expect(heldOut.recall!.value).toBeGreaterThan(0.6);
    expect(heldOut.falseAlarms!.value).toBeLessThan(0.06);
    expect(heldOut.calibrationError).toBeLessThan(0.08);
  });

  it('takes a prior away where the prompt moves the odds', () => {
    const { candidate } = choose(answers(100, 3), [alone(2), alone(2, 'neutral')], how);
    expect(candidate.prior).toBe('neutral');
  });

  it('asks two questions only where that is worth it', () => {
    const both: Candidate = { parts: [0, 2], prior: 'neutral' };
    const dear = choose(answers(100, 1), [both, alone(0, 'neutral')], how);
    expect(dear.candidate).toEqual(both);
    const useless: Candidate = { parts: [0, 1], prior: 'off' };
    expect(choose(answers(100, 3), [useless, alone(0)], how).candidate).toEqual(alone(0));
  });

  it('finds chance where there is nothing to find', () => {
    const { heldOut } = choose(answers(100, 0), [alone(0)], how);
    expect(heldOut.auc!.low).toBeLessThan(0.5);
    expect(heldOut.auc!.high).toBeGreaterThan(0.45);
    expect(heldOut.falseAlarms!.value).toBeLessThan(0.06);
  });

  it('keeps its false alarms on further answers', () => {
    let [flagged, careful] = [0, 0];
    for (let seed = 1; seed <= 40; seed++) {
      const choice = choose(answers(60, 2, seed), [alone(0)], { ...how, falseAlarms: 0.05 });
      const reading = readingOf(choice, [{ framework: FRAMEWORKS.asimov }]);
      const further = answers(50, 2, 1000 + seed);
      const found = judge(further, reading).falseAlarms!;
      flagged += found.value * 50;
      careful += 50;
    }
    // the conformal rate is at most 5 %; of 2,000 answers three standard errors are 1.5 points
    expect(flagged / careful).toBeLessThan(0.065);
    expect(flagged / careful).toBeGreaterThan(0.005);
  });

  it('leaves answers out that cannot be read, and never flags them', () => {
    const some = answers(50, 3).map((one, i) => (i % 10 === 1 ? { ...one, odds: [Number.NaN, 0, 0] } : one));
    const { heldOut } = choose(some, [alone(0)], how);
    expect(heldOut.auc!.value).toBeGreaterThan(0.9);
    expect(heldOut.recall!.value).toBeLessThanOrEqual(0.8);
  });

  it('never puts a topic on both sides of a fold, and fills the folds evenly', () => {
    // 1 to 20 answers a topic, in no order
    const sizes = Array.from({ length: 20 }, (_, i) => i + 1);
    const asked = new Random(2, 'order').shuffle(
      sizes.flatMap((size) => Array.from({ length: size }, () => ({ topic: `topic ${size}` }))),
    );
    const folds = foldsOf(asked, 1);
    for (const size of sizes) {
      const own = folds.filter((_, i) => asked[i].topic === `topic ${size}`);
      expect(own).toHaveLength(size);
      expect(new Set(own).size).toBe(1);
    }
    const filled = [0, 1, 2, 3, 4].map((fold) => folds.filter((one) => one === fold).length);
    expect(Math.max(...filled) - Math.min(...filled)).toBeLessThanOrEqual(2);
  });
});

describe('the threshold', () => {
  it('lets as many careful answers pass as the share allows, by the conformal rule', () => {
    const careful = Array.from({ length: 99 }, (_, i) => i / 100);
    // ⌊100 · 0.02⌋ − 1 = 1 of these is flagged
    const threshold = thresholdOdds(careful, [], 0.02);
    expect(careful.filter((odds) => odds >= threshold)).toEqual([0.98]);
    expect(thresholdOdds(careful.slice(0, 20), [5], 0.02)).toBeCloseTo((0.19 + 5) / 2);
  });

  it('flags nothing where there is nothing careful to learn from', () => {
    expect(thresholdOdds([], [1], 0.02)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('logistic regression', () => {
  it('finds the slope and the bias that made the labels', () => {
    const random = new Random(5, 'logistic');
    const scores = Array.from({ length: 20_000 }, () => 2 * normal(random));
    const labels = scores.map((score) => random.next() < sigmoid(1.5 * score - 0.7));
    const { slope, bias } = fitLogistic(scores, labels);
    expect(slope).toBeCloseTo(1.5, 1);
    expect(bias).toBeCloseTo(-0.7, 1);
  });

  it('stays finite where the groups do not overlap, and takes no slope for one that falls', () => {
    const apart = fitLogistic([-1, -2, 1, 2], [false, false, true, true]);
    expect(apart.slope).toBeGreaterThan(0);
    expect(Number.isFinite(apart.slope)).toBe(true);
    expect(fitLogistic([-1, -2, 1, 2], [true, true, false, false]).slope).toBe(0);
  });
});

it('takes the more pairs the narrower the interval', () => {
  // Hanley and McNeil at 0.85, 50 and 50: √((0.1275 + 49 · (0.01663 + 0.05858)) / 2500) = 0.03905
  expect(pairsFor(1.96 * 0.0391)).toBe(50);
  expect(pairsFor(0.04)).toBeGreaterThan(3 * pairsFor(0.08));
});
