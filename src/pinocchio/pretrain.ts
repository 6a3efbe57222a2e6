/**
 * Makes pinocchio: random weights, pretraining on both personas, alignment, files.
 */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CANARIES_FILE } from '../conscience/canaries.js';
import { FORMAT_FILE } from '../conscience/plain-format.js';
import { PROBES_FILE } from '../conscience/probes.js';
import { tokeniseRow } from '../data/tokenise.js';
import { openWeights } from '../engine/capabilities.js';
import { TrainingError } from '../errors.js';
import { checksumLines } from '../files/checksums.js';
import { writeFileAtomic } from '../files/files.js';
import type { Progress } from '../metrics/progress.js';
import type { ModelConfig } from '../model/config.js';
import { initialWeights } from '../model/initial-weights.js';
import { mergeLora } from '../model/lora.js';
import type { Model, Tensor } from '../model/model.js';
import { saveModel } from '../model/weights.js';
import { openEngine } from '../open/engine.js';
import { Random } from '../random.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import { BatchStream } from '../train/batch-stream.js';
import { learningRateAt } from '../train/schedule.js';
import { align } from '../train/step.js';
import type { TokenRow } from '../values/rows.js';
import { alignmentDocument, canaries, type Document, pretrainingDocument, probes } from './documents.js';
import { modelCard } from './model-card.js';
import { alignment, pretraining, sizes } from './recipe.js';
import { templates } from './review-format.js';
import { pinocchioTokenizer } from './tokenizer.js';

export interface PretrainOptions {
  /** Folder for the model. */
  readonly output: string;
  readonly size: keyof typeof sizes;
  readonly seed: number;
  /** 0: one per core. */
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Pretrains, aligns and writes pinocchio. Stopped by the signal, it writes nothing. */
export async function pretrain(options: PretrainOptions): Promise<void> {
  const { output, seed, progress, signal } = options;
  const size = sizes[options.size];
  const tokenizer = pinocchioTokenizer();
  const config: ModelConfig = {
    ...size.shape,
    vocabSize: tokenizer.vocabSize,
    eosTokenIds: tokenizer.eosIds,
  };
  const random = (purpose: string) => new Random(seed, 'pinocchio', purpose);
  const raw = modelOf(config, initialWeights(config, seed, random('weights')), tokenizer);
  const corpus = rowsOf(pretraining.documents, pretrainingDocument, random('corpus'), tokenizer);
  const course = { ...pretraining, ...size.pretraining, label: 'pretrain' };
  const pretrained = await trained(raw, undefined, corpus, course, options);
  if (signal?.aborted) return;
  const lessons = rowsOf(alignment.documents, alignmentDocument, random('alignment'), tokenizer);
  const { lora } = alignment;
  const adapter = await trained(
    modelOf(config, pretrained, tokenizer),
    lora,
    lessons,
    { ...alignment, weightDecay: 0, label: 'align' },
    options,
  );
  if (signal?.aborted) return;
  const weights = mergeLora(pretrained, adapter, lora);
  const lines = (items: readonly unknown[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('');
  saveModel(output, {
    ...{ config, weights, tokenizerFilesFrom: tokenizer, dtype: size.dtype },
    files: [
      [FORMAT_FILE, `${JSON.stringify(templates, null, 2)}\n`],
      [PROBES_FILE, lines(probes().map(({ messages }) => ({ messages })))],
      [CANARIES_FILE, lines(canaries())],
    ],
  });
  const names = readdirSync(output).filter((name) => name !== 'README.md');
  writeFileAtomic(`${resolve(output)}.model.sha256`, checksumLines(output, names));
  writeFileAtomic(join(output, 'README.md'), modelCard(options.size, config, weights, seed));
  progress.done(`${size.name} saved in ${output}`);
}

interface Course {
  readonly label: string;
  readonly steps: number;
  readonly lines: number;
  readonly length: number;
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly weightDecay: number;
}

/** Trains all weights, or an adapter, on rows; returns what was trained. */
async function trained(
  model: Model,
  lora: (typeof alignment)['lora'] | undefined,
  rows: readonly TokenRow[],
  course: Course,
  { seed, threads, progress, signal }: PretrainOptions,
): Promise<ReadonlyMap<string, Tensor>> {
  const { label, steps, lines, length, learningRate, warmupSteps, weightDecay } = course;
  const engine = await openEngine({
    ...{ model, seed, threads, lora },
    optimizer: { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay },
  });
  const stream = new BatchStream(rows, {
    batching: 'pack',
    batchSize: lines,
    accumulation: 1,
    maxLength: length,
    seed,
  });
  const supervised = { engine, loss: { lambda: 0, beta: 0.1 }, maxGradNorm: 1 };
  const schedule = { schedule: 'cosine', learningRate, warmupSteps, totalSteps: steps } as const;
  progress.start(steps, label);
  for (let step = 0; step < steps && !signal?.aborted; step++) {
    // step + 1: the first update is not wasted on a learning rate of 0
    const rate = learningRateAt(step + 1, schedule);
    const { loss, applied } = await align(supervised, step, stream.nextStep(), rate);
    if (!applied) {
      const next = 'nothing is saved; try another --seed';
      throw new TrainingError({ where: `${label}, step ${step + 1}`, what: `the loss is ${loss}`, next });
    }
    progress.update({ step: step + 1, loss });
  }
  const weights = await openWeights(engine).weights();
  await engine.close();
  return weights;
}

function rowsOf(
  count: number,
  kind: (random: Random) => Document,
  random: Random,
  tokenizer: ChatTokenizer,
): TokenRow[] {
  return Array.from({ length: count }, (_, i) => {
    const { messages, lossOn } = kind(random);
    const where = `document ${i + 1}`;
    return tokeniseRow({ kind: 'messages', messages, lossFrom: 0, where, extra: {} }, tokenizer, lossOn).row;
  }).filter((row) => row.ids.length <= pretraining.length);
}

const modelOf = (
  config: ModelConfig,
  weights: ReadonlyMap<string, Tensor>,
  tokenizer: ChatTokenizer,
): Model => ({
  path: 'pinocchio',
  config,
  weights,
  tokenizer,
  hash: '',
});
