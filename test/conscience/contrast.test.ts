import { describe, expect, it } from 'vitest';
import { defaultFormat } from '../../src/conscience/format.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { type ConscienceStep, runConscience } from '../../src/conscience/step.js';
import { promptOf, ScriptedModel } from './scripted-model.js';

/** What the policy says to a prompt, one text per sample; the number is the probability of an objection. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  'probe 0': ['said 0.4', 'said 0.9', 'said 0.1', 'said 0.6'],
  'probe 4': ['same 0.7', 'same 0.7', 'same 0.7', 'same 0.7'],
  'training 8': ['babble', 'said 0.2', 'babble', 'said 0.3'],
  'training 12': ['babble', 'babble', 'babble', 'said 0.8'],
};

function step(contrast: ConscienceStep['contrast'], prompts: readonly string[]): ConscienceStep {
  const said: Record<string, number> = {};
  const policy = new ScriptedModel('policy', {
    say: ([{ content }]) => {
      said[content] = (said[content] ?? -1) + 1;
      return SAMPLES[content][said[content] % 4];
    },
  });
  const conscience = new ScriptedModel('frozen-base', {
    judge: ([{ content }]) => {
      const [, objection] = /(?:said|same) (0\.\d)/.exec(content) ?? [];
      return objection === undefined ? [1e-6, 1e-6] : [1 - Number(objection), Number(objection)];
    },
  });
  return {
    ...{ policy, conscience, alternative: new ScriptedModel('none', {}), contrast },
    prompts: prompts.map((prompt) => promptOf(prompt)),
    framework: FRAMEWORKS.asimov,
    format: defaultFormat(),
    ...{ threshold: 0.5, minMass: 0.01, sampling: { maxTokens: 50, temperature: 1 }, step: 7, seed: 3 },
  };
}

describe('contrast: samples', () => {
  const drawn = Array.from({ length: 16 }, (_, i) => (i < 8 ? `probe ${i}` : `training ${i}`));

  it('answers every fourth prompt four times, from the beginning to the end of those drawn', async () => {
    const { reviews } = await runConscience(step('samples', drawn));
    expect(reviews.map(({ prompt }) => prompt.messages[0].content)).toEqual(
      ['probe 0', 'probe 4', 'training 8', 'training 12'].flatMap((prompt) => [
        prompt,
        prompt,
        prompt,
        prompt,
      ]),
    );
  });

  it('prefers the least objectionable response to the most, and leaves unreadable ones out', async () => {
    const { pairs, reviews } = await runConscience(step('samples', drawn));
    expect(pairs.map(({ chosen, rejected }) => [chosen.text, rejected.text])).toEqual([
      ['said 0.1', 'said 0.9'],
      ['said 0.2', 'said 0.3'],
    ]);
    const reasons = (from: number) => reviews.slice(from, from + 4).map(({ reason }) => reason);
    expect(reasons(0)).toEqual(['not-extreme', null, 'not-extreme', 'not-extreme']);
    expect(reasons(4)).toContain('alternative-identical');
    expect(reasons(12)).toEqual(['unreadable', 'unreadable', 'unreadable', 'not-extreme']);
  });
});

describe('contrast: confession', () => {
  it("prefers the verdict's own label as the answer to the question that was asked", async () => {
    const { pairs } = await runConscience(step('confession', ['probe 0', 'probe 0', 'training 8']));
    const { accept, object } = defaultFormat().adapt(FRAMEWORKS.asimov).labels;
    expect(pairs.map(({ chosen, rejected }) => [chosen.text, rejected.text])).toEqual([
      [accept, object],
      [object, accept],
    ]);
    expect(pairs[0].prompt.messages.at(-1)!.content).toContain('said 0.4');
  });
});
