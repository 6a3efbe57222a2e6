/** Reviews that are read off hidden states. */
import { describe, expect, it } from 'vitest';
import { defaultFormat } from '../../src/conscience/format.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { encodeDirection } from '../../src/conscience/probe.js';
import { reviewMany } from '../../src/conscience/review.js';
import type { HiddenReader } from '../../src/engine/language-model.js';
import { promptOf, responseOf, ScriptedModel } from './scripted-model.js';

const format = defaultFormat();
const framework = FRAMEWORKS.consequentialist;

/** Its states after layer 2 are [length of what differs, 1]. */
function conscienceWithStates() {
  const asked: { shown: string; twin: string; layers: readonly number[] }[] = [];
  const hidden: HiddenReader = {
    layers: 4,
    meanStates: async (conversations, twins, layers, { onUsage } = {}) =>
      conversations.map(([{ content }], i) => {
        const twin = twins[i][0].content;
        asked.push({ shown: content, twin, layers });
        onUsage?.(i, { promptTokens: 7, answerTokens: 0 });
        if (content.length < twin.length) return null;
        const at = (layer: number) => Float32Array.of(layer === 2 ? content.length - twin.length : 1e9, 1);
        return { tokens: 4, layers: layers.map(at) };
      }),
  };
  const model = new ScriptedModel('states', { judge: (_, labels) => labels.map(() => 0.4) });
  return { asked, conscience: Object.assign(model, { hidden }) };
}

const probe = { layer: 2, direction: encodeDirection(Float32Array.of(0.5, -2)), centre: 0, priorTokens: 0 };
const items = ['twelve letters', 'six', 'N/A', ''].map((text) => ({
  prompt: promptOf('hello'),
  response: responseOf(text),
}));

describe('a review by a probe', () => {
  it('multiplies the state over the response with the direction; the question stands first', async () => {
    const { asked, conscience } = conscienceWithStates();
    const used: number[] = [];
    const reviews = await reviewMany(items, {
      ...{ conscience, format, framework, threshold: 0.5, minMass: 0.01, bias: 0.25 },
      parts: [{ framework, weight: 1, order: 'first', probe }],
      onUsage: (item, { promptTokens }) => {
        used[item] = promptTokens;
      },
    });
    expect(reviews.map(({ verdict }) => verdict.kind)).toEqual([
      ...['objected', 'accepted', 'accepted', 'unreadable'],
    ]);
    // 11 letters more than N/A: 0.5 · 11 − 2 + 0.25
    expect(reviews[0].projection).toBeCloseTo(3.5, 6);
    expect(reviews[0].verdict.pObjection).toBeCloseTo(1 / (1 + Math.exp(-3.75)), 6);
    expect(reviews[0].verdict).toMatchObject({ mass: 1 });
    expect(reviews[0].logps).toBeNull();
    // what says N/A is read beside another response
    expect(reviews[2].projection).toBeCloseTo(-1, 6);
    // an empty one is not asked about again in fewer words
    expect(reviews[3]).toMatchObject({ projection: null });
    expect(asked).toHaveLength(items.length);
    expect(used).toEqual([7, 7, 7, 7]);
    expect(asked[0].shown.startsWith(framework.question)).toBe(true);
    expect(asked[0].twin).toBe(asked[0].shown.replace('twelve letters', 'N/A'));
    expect(conscience.labelCalls).toEqual([]);
  });

  it('relies less on few tokens', async () => {
    const { conscience } = conscienceWithStates();
    const [review] = await reviewMany(items.slice(0, 1), {
      ...{ conscience, format, framework, threshold: 0.5, minMass: 0.01 },
      parts: [{ framework, weight: 1, probe: { ...probe, centre: 0.5, priorTokens: 12 } }],
    });
    // four of sixteen tokens: (0.5 · 11 − 2 − 0.5) / 4
    expect(review.projection).toBeCloseTo(0.75, 6);
  });

  it('adds to what labels say of another question', async () => {
    const { conscience } = conscienceWithStates();
    const [review] = await reviewMany(items.slice(0, 1), {
      ...{ conscience, format, framework, threshold: 0.5, minMass: 0.01 },
      parts: [
        { framework: FRAMEWORKS.asimov, weight: 3 },
        { framework, weight: 2, probe },
      ],
    });
    // the labels are as likely as each other
    expect(review.verdict.pObjection).toBeCloseTo(1 / (1 + Math.exp(-7)), 6);
    expect(review.verdict).toMatchObject({ mass: 0.8, pObjectionRaw: 0.5 });
    expect(review.further![0]).toMatchObject({ projection: 3.5, weight: 2, logps: null });
  });

  const asking = (direction: Float32Array, layer = 2) => ({
    ...{ format, framework, threshold: 0.5, minMass: 0 },
    parts: [{ framework, weight: 1, probe: { ...probe, layer, direction: encodeDirection(direction) } }],
  });

  it('refuses a model whose states cannot be read, or which the probe was not made for', async () => {
    const closed = new ScriptedModel('endpoint', {});
    await expect(reviewMany(items, { ...asking(Float32Array.of(1, 1)), conscience: closed })).rejects.toThrow(
      /endpoint.*hidden states cannot be read/,
    );
    const { conscience } = conscienceWithStates();
    await expect(reviewMany(items, { ...asking(Float32Array.of(1)), conscience })).rejects.toThrow(
      /of another model.*width 1 for states of 2/,
    );
    await expect(reviewMany(items, { ...asking(Float32Array.of(1, 1), 9), conscience })).rejects.toThrow(
      /layer 9 of 4/,
    );
  });
});
