/** Unpacking blocks, against values from the `gguf` Python package (fixtures/gguf/make.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { quantisations } from '../../src/model/gguf-quantisation.js';

const fixtures: Record<string, { bytes: string; values: string }> = JSON.parse(
  readFileSync(new URL('../fixtures/gguf/quantisations.json', import.meta.url), 'utf8'),
);

describe.each(Object.entries(fixtures))('%s', (name, { bytes, values }) => {
  const quantisation = [...quantisations.values()].find((each) => each.name === name)!;
  const packed = new Uint8Array(Buffer.from(bytes, 'base64'));
  const expected = new Float32Array(new Uint8Array(Buffer.from(values, 'base64')).buffer);

  it('has the block size of the reference', () => {
    expect(expected.length % quantisation.blockSize).toBe(0);
    expect(packed.length).toBe((expected.length / quantisation.blockSize) * quantisation.blockBytes);
  });

  it('gives the same floats, bit for bit, at any place of the output', () => {
    const out = new Float32Array(expected.length + 5).fill(7);
    quantisation.dequantise(packed, out, 3, expected.length);
    expect(out.subarray(3, -2)).toEqual(expected);
    expect([...out.subarray(0, 3), ...out.subarray(-2)]).toEqual([7, 7, 7, 7, 7]);
  });
});

it('every format that can be read has a fixture', () => {
  expect([...quantisations.values()].map((each) => each.name).sort()).toEqual(Object.keys(fixtures).sort());
});
