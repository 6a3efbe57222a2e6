/** The estimate of memory, by hand for small numbers. */
import { describe, expect, it } from 'vitest';
import { type ModelShape, memoryOf, type RunShape, totalOf } from '../../src/doctor/memory.js';

const model: ModelShape = {
  ...{ layers: 2, width: 10, ffn: 20, heads: 2, keys: 5, vocabulary: 100, parameters: 1000, largest: 200 },
};
const run: RunShape = { engine: 'onnx', bytes: 4, adapter: 50, rows: 3, longest: 4, checkpointing: false };

/** Bytes of the part whose name begins so. */
function bytesOf(parts: ReturnType<typeof memoryOf>, what: string): number | undefined {
  return parts.find((part) => part.what.startsWith(what))?.bytes;
}

describe('memoryOf', () => {
  it('adds the parts of LoRA training here', () => {
    const parts = memoryOf(model, run);
    expect(bytesOf(parts, 'weights')).toBe(4 * 1000);
    expect(bytesOf(parts, 'adapter')).toBe(20 * 50);
    // 2 layers · 12 tokens · (16·10 + 4·20 + 2·2·4) numbers of 4 bytes
    expect(bytesOf(parts, 'activations')).toBe(4 * 2 * 12 * 256);
    expect(bytesOf(parts, 'logits')).toBe(4 * 4 * 100 * 12);
    expect(bytesOf(parts, 'Node')).toBe(130e6 + 700 * 100);
    const before = parts.slice(0, -1);
    expect(parts.at(-1)!.bytes).toBeCloseTo(0.25 * totalOf(before), 3);
  });

  it('keeps one layer and each layer’s input where activations are recomputed', () => {
    const parts = memoryOf(model, { ...run, checkpointing: true });
    expect(bytesOf(parts, 'activations of a step, recomputed')).toBe(4 * 12 * 2 * 10 + 4 * 12 * 256);
    const large = { ...run, checkpointing: 'auto', rows: 1e6 } as const;
    expect(bytesOf(memoryOf(model, large), 'activations of a step, recomputed')).toBeGreaterThan(0);
    expect(
      bytesOf(memoryOf(model, { ...run, checkpointing: 'auto' }), 'activations of a step, re'),
    ).toBeUndefined();
  });

  it('holds a second copy of all weights in full training, and a quantised file as it is', () => {
    const { adapter: _, ...full } = run;
    expect(bytesOf(memoryOf(model, full), 'trained copy')).toBe(20 * 1000);
    expect(bytesOf(memoryOf({ ...model, stored: 600 }, run), 'weights, quantised')).toBe(600 + 8 * 200);
  });

  it('adds what the conscience asks for', () => {
    const asked = { answers: 3, tokens: 6, beside: true, amplified: false };
    const parts = memoryOf(model, { ...run, asked });
    expect(bytesOf(parts, 'keys')).toBe(3 * 6 * 2 * 2 * 5 * 4);
    expect(bytesOf(parts, 'the model again')).toBe(4000);
    expect(totalOf(parts)).toBeGreaterThan(totalOf(memoryOf(model, run)));
  });

  it('puts what PyTorch computes with on the device, in numbers of two bytes on a GPU', () => {
    const parts = memoryOf(model, { ...run, engine: 'torch', bytes: 2 });
    expect(bytesOf(parts, 'weights, bfloat16')).toBe(2 * 1000);
    expect(bytesOf(parts, 'activations')).toBe(2 * 2 * 12 * 256);
    const onDevice = parts.filter((part) => part.onDevice);
    expect(onDevice.map(({ what }) => what)).not.toContain('Python and PyTorch');
    expect(onDevice.at(-1)!.bytes).toBeCloseTo(0.25 * totalOf(onDevice.slice(0, -1)), 6);
  });
});
