/** Models without their weights, for engines that have them elsewhere. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { resolveModel } from '../../src/hub/pull.js';
import { isKnown, knownConfig } from '../../src/model/config.js';
import { readServedHead } from '../../src/model/head.js';
import { projections } from '../../src/model/lora-modules.js';
import { loadModel } from '../../src/model/weights.js';
import { targetsFor } from '../../src/train/trained-lora.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-head-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a model without its weights', () => {
  it('is the same model, by its hash', async () => {
    const path = await resolveModel('pinocchio');
    const [head, whole] = [await readServedHead(path), await loadModel(path)];
    expect(head.hash).toBe(whole.hash);
    expect(head.config).toEqual(whole.config);
    expect('weights' in head).toBe(false);
  });

  it('may be of an architecture that is not known here, and without files of weights', async () => {
    const pinocchio = await resolveModel('pinocchio');
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      copyFileSync(join(pinocchio, name), join(folder, name));
    const text = { vocab_size: 4000, hidden_size: 32, num_hidden_layers: 2, max_position_embeddings: 128 };
    const json = {
      architectures: ['NewForCausalLM'],
      model_type: 'new',
      text_config: text,
      eos_token_id: [7],
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(json));
    const { config, hash } = await readServedHead(folder);
    expect(config).toMatchObject({ vocabSize: 4000, width: 32, layers: 2, maxPositions: 128 });
    expect(config.eosTokenIds).toContain(7);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(isKnown(config)).toBe(false);
    expect(() => knownConfig(config, folder)).toThrow(ModelError);
    expect(targetsFor(projections, config)).toBe('all-linear');
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ ...json, text_config: { ...text, vocab_size: 0 } }),
    );
    await expect(readServedHead(folder)).rejects.toThrow(/config.json: vocab_size is not supported/);
  });

  it('is no .gguf file', async () => {
    await expect(readServedHead('a.gguf')).rejects.toThrow(/can be trained with engine: onnx only/);
  });
});
