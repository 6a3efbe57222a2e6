/** Further architectures in GGUF, as llama.cpp writes them. Fixtures: test/fixtures/architectures/make_gguf.py. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadGguf } from '../../src/model/gguf.js';
import {
  arrayTolerance,
  folder,
  logitsOf,
  readExpected,
  readTensors,
  tokenRows,
} from '../parity/fixtures.js';
import { relativeError } from '../relative-error.js';

const place = '../architectures/gguf';
const { rows } = readExpected<{ rows: number[][] }>(`${place}/expected.json`);
const logits = await readTensors(`${place}/expected.safetensors`);

describe.each(['gemma3', 'gemma2', 'mistral', 'phi3', 'phi4-mini', 'granite', 'olmo2'])('%s', (name) => {
  it('gives the logits of transformers', async () => {
    const model = await loadGguf(join(folder, place, `${name}.gguf`));
    const got = await logitsOf(model, tokenRows(rows.map((ids) => ({ ids, loss_mask: ids.map(() => 1) }))));
    expect(relativeError(got, logits.get(name)!.data)).toBeLessThanOrEqual(arrayTolerance);
  });
});
