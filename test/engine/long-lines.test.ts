/**
 * Lines with more tokens than their longest position: packed rows, and answers that branch off one context.
 * onnxruntime refuses rotary tables with fewer rows than a line has tokens.
 */
import { afterAll, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { RotaryFeeds } from '../../src/engine/onnx/rotary-feeds.js';
import type { RopeScaling } from '../../src/model/rope-scaling.js';
import { Random } from '../../src/random.js';
import { tinyModel } from './tiny.js';

const engine = new OnnxEngine(tinyModel({ maxPositions: 1024 }), { threads: 1 });
afterAll(() => engine.close());

it('score many answers to one question as one by one', async () => {
  const random = new Random('long lines');
  const tokens = (count: number) => Array.from({ length: count }, () => 2 + random.int(26));
  const context = tokens(200);
  const choices = Array.from({ length: 40 }, () => tokens(1 + random.int(4)));
  const [together] = await engine.choiceLogps([{ context, choices }], 'base');
  for (const [c, choice] of choices.entries()) {
    const [[alone]] = await engine.choiceLogps([{ context, choices: [choice] }], 'base');
    expect(together[c]).toBeCloseTo(alone, 3);
  }
});

const long = {
  kind: 'longrope',
  shortFactors: [1, 1],
  longFactors: [2, 3],
  originalMaxPositions: 8,
  attentionFactor: 1,
};
it.each<[string, RopeScaling | undefined]>([
  ['no scaling', undefined],
  ['dynamic scaling', { kind: 'dynamic', factor: 2, originalMaxPositions: 8 }],
  ['long rope', long as RopeScaling],
])('have tables as long as the line, with %s', (_, ropeScaling) => {
  for (const row of [6, 12]) {
    const feeds = new RotaryFeeds({ headSize: 4, ropeTheta: 10000, ropeScaling }, 16);
    const T = 600;
    const positions = Int32Array.from({ length: T }, (_, t) => t % row);
    const segments = Int32Array.from({ length: T }, (_, t) => 1 + Math.floor(t / row));
    const { cos, sin } = feeds.sequences({ B: 1, T, positions, segments });
    expect([cos.dims[0] >= T, sin.dims[0]]).toEqual([true, cos.dims[0]]);
    // and again, from the tables that are kept
    expect(feeds.sequences({ B: 1, T, positions, segments }).cos.dims[0]).toBeGreaterThanOrEqual(T);
  }
});
