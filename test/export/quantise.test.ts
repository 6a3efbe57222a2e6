/** Float32 in GGUF's formats, byte for byte as the `gguf` package writes them (fixtures/gguf/make_quantised.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { requireRoom } from '../../src/export/room.js';
import { encodeValues, fitsFormat, type WritableFormat } from '../../src/model/gguf-quantise.js';

const expected: { values: string; formats: Record<WritableFormat, string> } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/gguf/quantised.json'), 'utf8'),
);
const values = new Float32Array(new Uint8Array(Buffer.from(expected.values, 'base64')).buffer);

it.each(Object.keys(expected.formats) as WritableFormat[])('%s', (format) => {
  const got = Buffer.from(encodeValues(format, values));
  expect(got.toString('base64')).toBe(expected.formats[format]);
});

it('a row must be whole blocks, and a value within reach of the format', () => {
  expect(fitsFormat('Q8_0', 64)).toBe(true);
  expect(fitsFormat('Q8_0', 80)).toBe(false);
  expect(() => requireRoom(Float32Array.of(1, -70_000), 'a.weight', 'F16')).toThrow(
    /^a\.weight: a weight is beyond F16; expected at most 65504, got -70000\. Export with --quantize bf16 or f32$/,
  );
  requireRoom(Float32Array.of(-70_000), 'a.weight', 'BF16');
});
