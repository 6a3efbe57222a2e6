/**
 * Building blocks of the model tests: tiny random models, and safetensors files made byte by byte so
 * that they can be wrong.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { llama } from '../../src/model/architectures/llama.js';
import type { ModelConfig } from '../../src/model/config.js';
import { weightShapes } from '../../src/model/layout.js';
import type { Tensor } from '../../src/model/model.js';
import { Random } from '../../src/random.js';

export const fixtures = join(import.meta.dirname, '../fixtures/model');

/** The smallest vocabulary that holds the smollm2 fixture's tokenizer. */
export const tinyLlama: ModelConfig = {
  architecture: llama,
  vocabSize: 424,
  width: 12,
  layers: 2,
  heads: 3,
  kvHeads: 1,
  headSize: 4,
  ffn: 20,
  rmsEps: 1e-5,
  ropeTheta: 10000,
  maxPositions: 64,
  tied: true,
  eosTokenIds: [2],
};

export function randomWeights(config: ModelConfig, seed = 0): Map<string, Tensor> {
  const random = new Random(seed, 'weights');
  return new Map(
    [...weightShapes(config)].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b));
      return [name, { shape, data: data.map(() => random.normal()) }];
    }),
  );
}

/** An empty folder that goes when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ealign-model-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder with a fixture model and the smollm2 tokenizer, to be damaged. */
export function copyOf(fixture: string): string {
  const folder = temporaryFolder();
  cpSync(join(fixtures, fixture), folder, { recursive: true });
  return folder;
}

/** A safetensors file with any header over any bytes. */
export function writeSafetensors(
  path: string,
  header: unknown,
  dataBytes: number,
  headerBytes?: number | bigint,
): void {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerBytes ?? text.length));
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(dataBytes)]));
}
