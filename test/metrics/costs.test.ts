/** A meter of stages: what it measured adds up, however work is nested. */
import { describe, expect, it } from 'vitest';
import { addCosts, CostMeter, overSupervised } from '../../src/metrics/costs.js';
import { costMetrics, costsOf } from '../../src/metrics/names.js';

/** A meter whose clock stands still but for `wait`. */
function meterOf() {
  let clock = 0;
  const wait = async (seconds: number) => {
    clock += 1000 * seconds;
  };
  return { meter: new CostMeter(() => clock), wait };
}

describe('a meter', () => {
  it('charges nested work to the inner stage, and what is in no stage to other', async () => {
    const { meter, wait } = meterOf();
    await wait(100);
    meter.start();
    await wait(1);
    await meter.during('sampling', async () => {
      await wait(2);
      await meter.during('reviews', () => wait(4));
      await wait(8);
    });
    await wait(16);
    meter.count('reviews', 7);
    expect(meter.take()).toEqual({
      sampling: { seconds: 10, tokens: 0 },
      reviews: { seconds: 4, tokens: 7 },
      other: { seconds: 17, tokens: 0 },
    });
    await wait(3);
    expect(meter.take()).toEqual({ other: { seconds: 3, tokens: 0 } });
  });

  it('charges work that throws, and goes on where it was', async () => {
    const { meter, wait } = meterOf();
    const failing = meter.during('evaluation', async () => {
      await wait(1);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await wait(2);
    expect(meter.take()).toMatchObject({ evaluation: { seconds: 1 }, other: { seconds: 2 } });
  });

  it('shares a pass by tokens', async () => {
    const { meter, wait } = meterOf();
    await meter.shared({ sft: 300, pairs: 100 }, () => wait(8));
    await meter.shared({ sft: 300, pairs: 0 }, () => wait(1));
    expect(meter.take()).toMatchObject({
      sft: { seconds: 7, tokens: 600 },
      pairs: { seconds: 2, tokens: 100 },
    });
  });

  it('goes on from what was measured before', async () => {
    const { meter, wait } = meterOf();
    meter.start({ sft: { seconds: 5, tokens: 9 } });
    await meter.during('sft', () => wait(1));
    expect(meter.soFar().sft).toEqual({ seconds: 6, tokens: 9 });
  });
});

it('is read back from the records that it was written into', () => {
  const first = { sampling: { seconds: 1, tokens: 10 }, other: { seconds: 2, tokens: 0 } };
  const second = { sampling: { seconds: 4, tokens: 5 }, sft: { seconds: 3, tokens: 1 } };
  const records = [
    { step: 5, ...costMetrics(first) },
    { step: 9, 'eval/loss': 1 },
    { step: 10, ...costMetrics(second) },
  ];
  expect(costsOf(records)).toEqual(addCosts(first, second));
  expect(costsOf([{ step: 5, loss: 1 }])).toBeUndefined();
});

it('says how many times supervised training alone a run took', () => {
  const cost = (seconds: number) => ({ seconds, tokens: 0 });
  // 12 s, of which 2 + 1 + 1 would not have been
  const costs = { sampling: cost(2), reference: cost(1), pairs: cost(1), sft: cost(7), other: cost(1) };
  expect(overSupervised(costs)).toBe(1.5);
  expect(overSupervised({})).toBeNull();
});
