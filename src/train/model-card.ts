/**
 * The model card of a run, README.md in Hugging Face's form: what was trained on what, and the run's numbers.
 *
 * It is made to be published: of data sets that lie on this machine it has the names of the files, not their folders.
 */
import { basename } from 'node:path';
import { stringify } from 'yaml';
import { commit } from '../commit.js';
import { listOf, type SourceLike } from '../data/source.js';
import { hubId } from '../hub/names.js';
import type { MetricName, MetricRecord } from '../metrics/names.js';
import type { LoraConfig } from '../model/lora-modules.js';
import type { NamedModel } from '../model/model.js';
import type { TrainConfig } from './config/schema.js';

/** The card's name in a folder. */
export const CARD_FILE = 'README.md';

/** What a card tells of a run's plan. */
export interface CardRun {
  readonly config: TrainConfig;
  readonly model: NamedModel;
  readonly modelPath: string;
  readonly lora?: LoraConfig;
}

/**
 * @param records the run's metrics so far
 * @param step    optimiser steps made
 */
export function modelCard(
  { config, model, modelPath, lora }: CardRun,
  records: readonly MetricRecord[],
  step: number,
): string {
  const { training, loss, conscience, seed } = config;
  const id = hubId(config.model, modelPath);
  const base = id ?? basename(config.model);
  const data = {
    ...(id === undefined ? {} : { base_model: id }),
    library_name: lora ? 'peft' : 'transformers',
    pipeline_tag: 'text-generation',
    tags: ['emergent-alignment', ...(lora ? ['lora'] : [])],
  };
  const last = (name: MetricName) => records.findLast((record) => typeof record[name] === 'number')?.[name];
  const number = (name: MetricName) => {
    const value = last(name);
    return typeof value === 'number' ? String(Number(value.toPrecision(4))) : undefined;
  };
  const trained = lora
    ? `A LoRA adapter (rank ${lora.rank}, alpha ${lora.alpha}, on ${[lora.targets].flat().join(', ')}) for ${base}`
    : `${base} with all weights trained`;
  const numbers: (readonly [string, string | undefined])[] = [
    ['steps', String(step)],
    ['tokens', number('num_tokens')],
    ['epochs', number('epoch')],
    ['rows per step', String(training.batch_size * training.gradient_accumulation)],
    ['learning rate', String(training.learning_rate)],
    ['seed', String(seed)],
    ['loss, nats', number('loss')],
    ['supervised loss, nats per token', number('loss/sft')],
    ['validation loss, nats per token', number('eval/loss')],
  ];
  const reviews: typeof numbers = [
    ['responses reviewed', number('conscience/reviewed')],
    ['flagged, last share', number('conscience/flag_rate')],
    ['pairs formed', number('conscience/pairs_total')],
    ['λ, weight of the preference loss', String(loss.lambda)],
    ['β', String(loss.beta)],
    ['loss of pairs, nats', number('loss/dpo')],
  ];
  const about = conscience.enabled
    ? `A frozen copy of the model reviewed what the model said while it learned; what it flagged was paired with an alternative (arXiv:2606.19527).\n\n${table(reviews)}`
    : 'It was trained without a conscience.';
  return `---
${stringify(data)}---

# ${basename(config.output)}

${trained}, trained with emergent-alignment ${commit()}.
${model.hash ? `SHA-256 of the base's weights: ${model.hash}.\n` : ''}
## Training

Data: ${listOf(config.data).map(sourceName).join(', ')}.

${table(numbers)}

## Conscience

${about}
`;
}

const table = (rows: readonly (readonly [string, string | undefined])[]): string =>
  [
    '| | |\n|---|---|',
    ...rows.flatMap(([name, value]) => (value === undefined ? [] : [`| ${name} | ${value} |`])),
  ].join('\n');

/** A data set's Hub id, or the name of a file. */
function sourceName(source: SourceLike): string {
  const path = typeof source === 'string' ? source : source.path;
  return /^[\w.-]+\/[\w.-]+$/.test(path) && !/\.\w+$/.test(path) ? path : basename(path);
}
