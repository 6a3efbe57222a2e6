/**
 * From a configuration to what will happen: data read and tokenised, model and adapter loaded, the
 * schedule counted, the prompts to review chosen.
 *
 * A plan holds no engine and has written no file. It can be shown (`ealign train --preview`) or run (run.ts).
 */
import { preview } from '../data/preview.js';
import { ModelError } from '../errors.js';
import { type Progress, silent } from '../metrics/progress.js';
import type { Model } from '../model/model.js';
import { requireEngine } from '../open/engine.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Prompt } from '../values/conversation.js';
import { BatchStream } from './batch-stream.js';
import type { TrainConfig } from './config/schema.js';
import { readData, type TokenData, tokeniseData } from './data.js';
import { trackingOf } from './mlflow/tracking.js';
import { type PromptPools, probesOf, promptPools } from './prompt-pools.js';
import type { ScheduleConfig } from './schedule.js';
import { showReviews } from './show-reviews.js';
import { type TrainedModel, trainedModel } from './trained-model.js';

export interface PlanOptions {
  /** Told what is read, and of warnings. Default: nothing is shown. */
  readonly progress?: Progress;
  /** A model that is loaded already, instead of the configuration's. */
  readonly model?: Model;
}

/** What a training run will do, checked. */
export interface TrainPlan extends TrainedModel {
  readonly rows: TokenData;
  readonly schedule: ScheduleConfig;
  /** Prompts to review; empty without a conscience. */
  readonly prompts: PromptPools;
  /** All probes: those of the configuration, else the model's own, else the built-in ones. */
  readonly probes: readonly Prompt[];
  /** What of the data files is not read, a sentence a file. */
  readonly unread: readonly string[];
}

/**
 * Plans a training run: reads and checks all input, and writes nothing.
 *
 * @returns a plan for `showPlan` and `runTrain`
 * @throws UserError for whatever is wrong with configuration, data, model or adapter
 */
export async function planTrain(given: TrainConfig, options: PlanOptions = {}): Promise<TrainPlan> {
  const { progress = silent } = options;
  const note = (line: string) => progress.note(line);
  const { engine, device, url } = given;
  await requireEngine({ engine, device, url });
  if (given.report_to.includes('mlflow')) trackingOf();
  const unread: string[] = [];
  progress.phase?.('reading the data');
  const data = await readData(given, (line) => {
    unread.push(line);
    note(line);
  });
  progress.phase?.('loading the model');
  const trained = await trainedModel(given, note, options.model);
  const { config, model, modelPath } = trained;
  const rows = await tokeniseData(config, data, model.tokenizer, progress);
  const probes = await probesOf(data, modelPath);
  const prompts = promptPools(config, data, probes, model, note);
  if (config.conscience.enabled) requireChatTemplate(model.tokenizer, modelPath);
  return {
    ...trained,
    rows,
    schedule: scheduleOf(config, rows),
    prompts,
    probes,
    unread,
  };
}

/**
 * Shows a plan's first three training rows and one preference pair, with what is learnt marked, and what the
 * conscience would review and how.
 *
 * @returns lines of text, without a newline at the end
 * @throws UserError when a calibration, or the words in which the conscience is asked, cannot be used
 */
export async function showPlan(plan: TrainPlan): Promise<string> {
  const { rows, model } = plan;
  const shown = [rows.train, rows.pairs.slice(0, 1).flatMap(({ chosen, rejected }) => [chosen, rejected])]
    .filter((some) => some.length > 0)
    .map((some) => preview(some, model.tokenizer));
  const reviews = await showReviews(plan);
  return [...shown, ...(reviews.length > 0 ? [reviews.join('\n')] : [])].join('\n');
}

/** The rows of a plan as an endless stream of batches, at its first step. */
export function batchesOf(config: TrainConfig, rows: TokenData): BatchStream {
  const { batching, batch_size, gradient_accumulation, max_length } = config.training;
  return new BatchStream(rows.train, {
    batching,
    batchSize: batch_size,
    accumulation: gradient_accumulation,
    maxLength: max_length,
    seed: config.seed,
  });
}

function scheduleOf(config: TrainConfig, rows: TokenData): ScheduleConfig {
  const { schedule, learning_rate, warmup_steps, steps, epochs } = config.training;
  return {
    schedule,
    learningRate: learning_rate,
    warmupSteps: warmup_steps,
    totalSteps: steps ?? batchesOf(config, rows).countSteps(epochs!),
  };
}

function requireChatTemplate({ hasChatTemplate }: ChatTokenizer, modelPath: string): void {
  if (hasChatTemplate) return;
  throw new ModelError({
    where: modelPath,
    what: 'the tokenizer has no chat template, so the conscience cannot ask the model',
    next: 'use the instruct version of this model, put a chat_template.jinja into its folder, or train with --no-conscience',
  });
}
