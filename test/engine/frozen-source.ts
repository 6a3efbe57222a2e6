/** Models in memory as frozen copies take them, with their stores in a folder of the test. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quantisations } from '../../src/model/gguf-quantisation.js';
import type { Model } from '../../src/model/model.js';
import { floatSource } from '../../src/model/quantise.js';
import { EmbeddingRows, type QuantisedModel } from '../../src/model/quantised-model.js';
import { makeStore, type QuantisedStore, type StoredArray } from '../../src/model/quantised-store.js';

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

/** The model with the numbers of its store in float32. */
export function inFloat(model: Model, store: QuantisedStore): Model {
  const file = readFileSync(store.file);
  const floats = ({ shape, at }: StoredArray) =>
    new Float32Array(file.buffer.slice(file.byteOffset + at).slice(0, 4 * shape.reduce((a, b) => a * b, 1)));
  const weights = new Map(model.weights);
  for (const { parts, inner, outputs, format, matrix, scales, offsets, bias } of store.products) {
    const W = format ? new Float32Array(inner * outputs) : floats(matrix);
    if (format) {
      const { bits, blockSize } = format;
      const [s, o] = [floats(scales!), offsets && floats(offsets)];
      for (let n = 0; n < outputs; n++)
        for (let k = 0; k < inner; k++) {
          const i = n * inner + k;
          const byte = file[matrix.at + Math.floor((i * bits) / 8)];
          const q = bits === 8 ? byte - 128 : ((byte >> (4 * (i % 2))) & 15) - 8;
          const block = Math.floor(k / blockSize);
          W[k * outputs + n] = s[(n * inner) / blockSize + block] * q + (o ? o[block * outputs + n] : 0);
        }
    }
    let from = 0;
    for (const { name, outputs: own } of parts) {
      const head = name === 'model.embed_tokens';
      const data = new Float32Array(inner * own);
      for (let k = 0; k < inner; k++)
        for (let n = 0; n < own; n++) data[head ? n * inner + k : k * own + n] = W[k * outputs + from + n];
      weights.set(`${name}.weight`, { shape: head ? [own, inner] : [inner, own], data });
      const name2 = `${name}.bias`;
      if (bias && weights.has(name2))
        weights.set(name2, { shape: [own], data: floats(bias).slice(from, from + own) });
      from += own;
    }
  }
  return { ...model, weights };
}
