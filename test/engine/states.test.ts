/** Mean hidden states over what a conversation has and its twin has not. */
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { differingStretch } from '../../src/engine/stretch.js';
import { tinyModel } from './tiny.js';

const engine = new OnnxEngine(tinyModel());
afterAll(() => engine.close());
const { hidden } = engine.model('base');
const say = (content: string) => [{ role: 'user', content }] as const;

describe('differingStretch', () => {
  const stretch = (a: readonly number[], b: readonly number[]) => {
    const found = differingStretch(a, b);
    return found && [found.from, found.to];
  };

  it('is what stands between a common beginning and a common end', () => {
    expect(stretch([1, 2, 3, 4, 5], [1, 9, 5])).toEqual([1, 4]);
    expect(stretch([1, 2, 3], [1, 2, 3, 4])).toBeUndefined();
    expect(stretch([1, 2], [1, 2])).toBeUndefined();
    expect(stretch([7, 8], [1, 2, 3])).toEqual([0, 2]);
  });

  it('takes no token twice where the shorter one repeats itself', () => {
    // beginning and end of the twin would overlap
    expect(stretch([1, 1, 1], [1, 1])).toEqual([2, 3]);
  });
});

describe('meanStates', () => {
  it('is of a response what it is by itself, whatever else is asked beside it', async () => {
    const shown = [say('abc def'), say('abc defghij klm'), say('zz')];
    const twins = [say('abc x'), say('abc x'), say('y')];
    const together = await hidden!.meanStates(shown, twins, [0, 1]);
    for (const [i, one] of shown.entries()) {
      const [alone] = await hidden!.meanStates([one], [twins[i]], [0, 1]);
      expect(alone!.tokens).toBe(together[i]!.tokens);
      for (const [l, state] of alone!.layers.entries()) {
        for (const [d, x] of state.entries()) expect(together[i]!.layers[l][d]).toBeCloseTo(x, 5);
      }
    }
    expect(together[0]!.layers[0]).not.toEqual(together[0]!.layers[1]);
    // def, defghij klm, zz
    expect(together.map((one) => one!.tokens)).toEqual([3, 11, 2]);
  });

  it('is null where nothing differs, and says what was read', async () => {
    const usage: number[] = [];
    const states = await hidden!.meanStates([say('abc'), say('abc d')], [say('abc'), say('abc')], [0], {
      onUsage: (i, { promptTokens }) => {
        usage[i] = promptTokens;
      },
    });
    expect(states[0]).toBeNull();
    expect(states[1]).not.toBeNull();
    expect(usage[0]).toBeUndefined();
    expect(usage[1]).toBeGreaterThan(0);
  });
});
