/**
 * The configuration of a training run: all sections in one schema.
 *
 * Parsing yields what was written plus constant defaults; `resolve` adds the defaults
 * that depend on other keys. Key names stay in snake_case, as they stand in the YAML.
 */
import { basename } from 'node:path';
import { z } from 'zod';
import { FRAMEWORK_NAMES } from '../../conscience/frameworks.js';
import { type SourceLike, sourceOf } from '../../data/source.js';
import type { Check } from '../../defences/defence.js';
import { checksOf, keysIn } from '../../defences/index.js';
import { allProjections } from '../../model/architectures/architecture.js';
import { conscienceSection } from './sections/conscience.js';
import { loraSection, unknownTarget } from './sections/lora.js';
import { lossSection } from './sections/loss.js';
import { pricesSection } from './sections/prices.js';
import { type Logger, loggersOf } from './sections/report-to.js';
import { runKeys } from './sections/run.js';
import { trainingSection } from './sections/training.js';

/** The schema of a configuration file. */
export const configSchema = z
  .strictObject({
    ...runKeys,
    lora: loraSection.prefault({}).describe('LoRA adapter'),
    training: trainingSection.prefault({}).describe('Training'),
    loss: lossSection.extend(keysIn('loss')).prefault({}).describe('Loss'),
    conscience: conscienceSection.prefault({}).describe('Conscience'),
    prices: pricesSection.prefault({}).describe('Prices of a server, for the estimate before a run'),
    defences: z.strictObject(keysIn('defences')).prefault({}).describe('Other defences'),
  })
  .superRefine((config, context) => {
    for (const { holds, path, message } of crossChecks(config)) {
      if (!holds) context.addIssue({ code: 'custom', path: path.split('.').map(index), message });
    }
  });

const index = (part: string): string | number => (/^\d+$/.test(part) ? Number(part) : part);

/** A configuration as parsed: keys whose default depends on others may be missing. */
export type ParsedConfig = z.output<typeof configSchema>;

/** A configuration in which every key that the run needs has its value. */
export type TrainConfig = Omit<
  ParsedConfig,
  'data' | 'eval_data' | 'preference_data' | 'eval_split' | 'output' | 'report_to' | 'training' | 'device'
> & {
  device: NonNullable<ParsedConfig['device']>;
  data: SourceLike[];
  eval_data: SourceLike[];
  preference_data: SourceLike[];
  eval_split: number;
  output: string;
  report_to: Logger[];
  /** Exactly one of `steps` and `epochs` is set. */
  training: Omit<ParsedConfig['training'], 'learning_rate'> & { learning_rate: number };
};

/** Pairs of keys of which only one may be set; a flag for one replaces the other in the file. */
export const EXCLUSIVE: readonly (readonly [string, string])[] = [
  ['training.steps', 'training.epochs'],
  ['eval_data', 'eval_split'],
];

/** What frozen weights may be rounded to. */
function roundingChecks({ setting, engine, device = 'cpu', quantize, training }: ParsedConfig): Check[] {
  const frozenHere = setting === 'lora' && device === 'cpu' && engine === 'onnx';
  return [
    {
      holds: !training.load_in_8bit || frozenHere,
      path: 'training.load_in_8bit',
      message:
        'only weights that stay as they are can be rounded, and only here on the CPU; set setting: lora, engine: onnx and device: cpu',
    },
    {
      holds: quantize === undefined || quantize === 'none' || frozenHere,
      path: 'quantize',
      message:
        'only weights that stay as they are can be rounded, and only here on the CPU; set setting: lora, engine: onnx and device: cpu',
    },
  ];
}

/** What engines read and can do. */
function engineChecks({ engine, url, device, init, loss, conscience, prices }: ParsedConfig): Check[] {
  const here = engine === 'onnx';
  const devices: readonly string[] = { onnx: ['cpu', 'webgpu'], torch: ['cpu', 'cuda', 'auto'], tinker: [] }[
    engine
  ];
  const anchored = loss.kl > 0 || loss.features > 0 || loss.pairs === 'kl';
  return [
    {
      holds: (engine === 'tinker') === (url !== undefined),
      path: 'url',
      message:
        url === undefined
          ? 'engine: tinker needs the address of a server; set url: http://host:port'
          : 'only engine: tinker reads this; set engine: tinker, or leave url out',
    },
    {
      holds: device === undefined || devices.includes(device),
      path: 'device',
      message:
        engine === 'tinker'
          ? 'the server of engine: tinker decides where it computes; leave device out'
          : `engine: ${engine} computes on ${devices.join(' or ')}, not on ${device}`,
    },
    {
      holds: engine === 'tinker' || Object.values(prices).every((price) => price === undefined),
      path: 'prices',
      message: 'only engine: tinker has a price; leave prices out',
    },
    {
      holds: here || init === 'pretrained',
      path: 'init',
      message: 'training from random weights is done by engine: onnx alone',
    },
    {
      holds: here || conscience.lag === 0,
      path: 'conscience.lag',
      message: 'reviews beside training are done by engine: onnx alone; set conscience.lag: 0',
    },
    {
      holds: here || !anchored,
      path: loss.pairs === 'kl' ? 'loss.pairs' : loss.kl > 0 ? 'loss.kl' : 'loss.features',
      message: `engine: ${engine} cannot hold the policy to a frozen copy; set engine: onnx, or leave loss.kl, loss.features and loss.pairs: kl out`,
    },
  ];
}

function crossChecks(config: ParsedConfig): Check[] {
  const { setting, engine, init, adapter, eval_data, eval_split, lora, training, conscience } = config;
  const target = unknownTarget(lora.targets);
  const { question, custom_question, labels } = conscience;
  const custom = question === 'custom';
  return [
    {
      holds: training.steps === undefined || training.epochs === undefined,
      path: 'training.epochs',
      message: 'training.steps and training.epochs are both set; keep one',
    },
    {
      holds: eval_data === undefined || !eval_split,
      path: 'eval_split',
      message: 'eval_data and eval_split are both set; keep one',
    },
    {
      holds: adapter === undefined || setting === 'lora',
      path: 'adapter',
      message:
        'an adapter can be trained on only with setting: lora; merge it into the model to train all weights',
    },
    {
      // engines elsewhere know architectures with other names
      holds: target === undefined || engine !== 'onnx',
      path: `lora.targets.${target?.at}`,
      message: `expected a list of ${allProjections.join(', ')}, got '${target?.name}'`,
    },
    {
      holds: lora.layers === undefined || typeof lora.targets !== 'string',
      path: 'lora.layers',
      message: 'a pattern in lora.targets says the layers itself; keep one of the two',
    },
    ...checksOf(config),
    ...engineChecks(config),
    ...roundingChecks(config),
    {
      holds: setting === 'full' || (init === 'pretrained' && conscience.renew_every === 0),
      path: init === 'random' ? 'init' : 'conscience.renew_every',
      message: 'the base stays as it is in LoRA training; set setting: full',
    },
    {
      holds: conscience.lag === 0 || conscience.renew_every === 0,
      path: 'conscience.lag',
      message: 'a frozen copy that is renewed cannot review beside training; set conscience.lag: 0',
    },
    {
      holds: training.early_stop === 0 || training.eval_every > 0,
      path: 'training.early_stop',
      message: 'there are no validations to stop after; set training.eval_every',
    },
    {
      holds: !custom || custom_question !== undefined,
      path: 'conscience.question',
      message: 'question: custom needs its text; set conscience.custom_question',
    },
    {
      holds: !custom || labels !== undefined,
      path: 'conscience.question',
      message: 'question: custom needs its two answers; set conscience.labels, e.g. [aligned, objection]',
    },
    {
      holds: custom || custom_question === undefined,
      path: 'conscience.custom_question',
      message: `only question: custom reads this, and question is ${question ?? FRAMEWORK_NAMES[0]}; set conscience.question: custom`,
    },
    {
      holds: labels === undefined || !(beginsWith(labels[0], labels[1]) || beginsWith(labels[1], labels[0])),
      path: 'conscience.labels',
      message: 'expected two answers of which neither begins with the other, e.g. [aligned, objection]',
    },
  ];
}

function beginsWith(text: string, start: string): boolean {
  return text.trim().toLowerCase().startsWith(start.trim().toLowerCase());
}

/**
 * Fills in the defaults that depend on other keys.
 *
 * @param file path of the configuration file, if there was one; names the output folder
 */
export function resolve(parsed: ParsedConfig, file?: string): TrainConfig {
  const { training } = parsed;
  const data = [parsed.data].flat();
  const evalData = [parsed.eval_data ?? []].flat();
  const name = basename(file ?? sourceOf(data[0]).path)
    .replace(/#[\w.-]+$/, '')
    .replace(/\.(gz|zst|zstd)$/i, '')
    .replace(/\.(jsonl?|csv|tsv|parquet|arrow|ya?ml)$/i, '');
  return {
    ...parsed,
    device: parsed.device ?? (parsed.engine === 'torch' ? 'auto' : 'cpu'),
    data,
    eval_data: evalData,
    preference_data: [parsed.preference_data ?? []].flat(),
    eval_split: parsed.eval_split ?? (evalData.length > 0 ? 0 : 0.02),
    output: parsed.output ?? `runs/${name}`,
    report_to: loggersOf(parsed.report_to),
    training: {
      ...training,
      epochs: training.epochs ?? (training.steps === undefined ? 1 : undefined),
      learning_rate: training.learning_rate ?? (parsed.setting === 'lora' ? 2e-4 : 2e-5),
    },
  };
}
