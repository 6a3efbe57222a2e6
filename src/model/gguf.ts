/**
 * Models from GGUF files.
 *
 * Everything is translated to what a Hugging Face folder would have given: weights
 * dequantised to float32 under their Hugging Face names, the configuration, the tokenizer
 * with its chat template. Writing GGUF is gguf-write.ts.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createTokenizer } from '../tokenizer/tokenizer.js';
import { configFromGguf } from './gguf-config.js';
import { type GgufHeader, readGgufHeader } from './gguf-header.js';
import { tokenizerFromGguf } from './gguf-tokenizer.js';
import { readGgufWeights, readRopeTensors } from './gguf-weights.js';
import type { Model } from './model.js';

/**
 * Loads a GGUF file (version 2 or 3; the architectures with a `gguf` row; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0,
 * Q5_1, Q4_K, Q5_K, Q6_K).
 *
 * @throws ModelError not GGUF, truncated, or something in it that cannot be built
 */
export async function loadGguf(path: string): Promise<Model> {
  const header = await readGgufHeader(path);
  const { config, tokenizer } = await ggufHead(header);
  const weights = await readGgufWeights(header, config);
  return { path, config, weights, tokenizer, hash: await sha256(path) };
}

/** Everything but the weights. @throws ModelError as `loadGguf` */
export async function ggufHead(header: GgufHeader): Promise<Pick<Model, 'path' | 'config' | 'tokenizer'>> {
  const { files, eosTokenIds } = tokenizerFromGguf(header);
  const tokenizer = createTokenizer(files, eosTokenIds);
  const config = configFromGguf(header, tokenizer.eosIds, await readRopeTensors(header));
  return { path: header.path, config, tokenizer };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
