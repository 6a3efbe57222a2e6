/** Models in memory as frozen copies take them, with their stores in a folder of the test. */
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { quantisations } from '../../src/model/gguf-quantisation.js';
import type { Model } from '../../src/model/model.js';
import { floatSource } from '../../src/model/quantise.js';
import { EmbeddingRows, type QuantisedModel } from '../../src/model/quantised-model.js';
import { makeStore } from '../../src/model/quantised-store.js';

/** @param quantise absent: the store is float32 */
export function frozenSource(cache: string, model: Model, quantise?: 'q8' | 'q4'): QuantisedModel {
  // a model that was never a file has none to be recognised by
  const path = existsSync(model.path) ? model.path : mkdtempSync(join(cache, 'model-'));
  const source = floatSource({ ...model, path }, quantise);
  const store = makeStore(source, model.config, { cache, ...(quantise ? { variant: quantise } : {}) });
  const { at } = store.vectors['model.embed_tokens.weight'];
  const embedding = new EmbeddingRows(store.file, at, quantisations.get(0)!, model.config);
  return { ...model, store, embedding };
}
