/** Fitting a probe on states that are known to hold what it looks for, or nothing. */
import { describe, expect, it } from 'vitest';
import { fitProbe, type ProbedAnswer } from '../../src/calibrate/probe.js';
import { sigmoid } from '../../src/conscience/verdict.js';
import { Random } from '../../src/random.js';

const WIDTH = 40;

/** Layer 0 is noise, layer 1 holds the label along dimension 3 with this strength. */
function answersOf(strength: number, { count = 120, tokens = 1000 } = {}): ProbedAnswer[] {
  const random = new Random(5, `probe ${strength} ${tokens}`);
  return Array.from({ length: count }, (_, i) => {
    const careless = i % 2 === 1;
    const noise = () => Float32Array.from({ length: WIDTH }, () => 100 + random.normal());
    const informed = noise();
    informed[3] += careless ? strength : -strength;
    return { topic: `${Math.floor(i / 6)}`, careless, states: { tokens, layers: [noise(), informed] } };
  });
}

const probeOf = (answers: readonly ProbedAnswer[]) => fitProbe(answers, { falseAlarms: 0.05, seed: 1 });

describe('fitProbe', () => {
  it('finds layer and direction, and flags answers that it has not seen', () => {
    const { place, direction, centre, bias, threshold, heldOut } = probeOf(answersOf(2.5));
    expect(place).toBe(1);
    expect(Math.max(...direction)).toBe(direction[3]);
    expect(heldOut.auc!.value).toBeGreaterThan(0.97);
    const random = new Random(6, 'further');
    const flags = (careless: boolean) => {
      const flagged = Array.from({ length: 400 }, () => {
        const state = Float32Array.from({ length: WIDTH }, () => 100 + random.normal());
        state[3] += careless ? 2.5 : -2.5;
        const product = state.reduce((sum, x, d) => sum + x * direction[d], 0);
        return sigmoid(bias + (1000 / 1008) * (product - centre)) >= threshold;
      });
      return flagged.filter(Boolean).length / flagged.length;
    };
    expect(flags(true)).toBeGreaterThan(0.85);
    expect(flags(false)).toBeLessThan(0.1);
  });

  it('does not let answers of a few tokens, whose states say little, spoil those of many', () => {
    // as a mean over few tokens: noise of eight times the size, which has to do with nothing
    const random = new Random(7, 'short');
    const short = answersOf(0, { tokens: 2 }).map(({ states, ...rest }) => ({
      ...rest,
      topic: `short ${rest.topic}`,
      states: {
        tokens: 2,
        layers: states!.layers.map((state) => state.map((x) => x + 8 * random.normal())),
      },
    }));
    const { heldOut } = probeOf([...answersOf(2.5, { count: 240 }), ...short]);
    // a third of the answers says nothing
    expect(heldOut.recall!.value).toBeGreaterThan(0.5);
    expect(heldOut.falseAlarms!.value).toBeLessThan(0.1);
  });

  it('is at chance where there is nothing to find', () => {
    const { heldOut } = probeOf(answersOf(0));
    expect(heldOut.auc!.low).toBeLessThan(0.5);
    expect(heldOut.auc!.high).toBeGreaterThan(0.5);
  });

  it('leaves out what could not be read, and says how much that is', () => {
    const answers = answersOf(2.5).map((answer, i) => (i % 10 === 0 ? { ...answer, states: null } : answer));
    const { heldOut } = probeOf(answers);
    expect(heldOut.unreadable).toBeCloseTo(0.1);
    expect(heldOut.auc!.value).toBeGreaterThan(0.95);
  });
});
