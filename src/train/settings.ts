/** What a checkpoint remembers of a run's configuration and data, so that another run is not continued by mistake. */
import { createHash } from 'node:crypto';
import type { Model } from '../model/model.js';
import type { Settings } from './checkpoint.js';
import { configKeys, valueAt } from './config/keys.js';
import type { TrainConfig } from './config/schema.js';
import type { TrainPlan } from './plan.js';

/** Keys that may change from run to run, since no step depends on them. */
const FREE_KEYS = new Set([
  'output',
  'overwrite',
  'report_to',
  'threads',
  // a checkpoint of another engine is refused by the engine
  'engine',
  'url',
  'device',
  'training.log_every',
  'training.eval_every',
  'training.save_every',
  'training.keep_checkpoints',
  'training.checkpointing',
  'conscience.check',
  'conscience.alarm',
  'conscience.lag_threads',
  'prices.price_train',
  'prices.price_sample',
  'prices.price_prefill',
]);

/**
 * The settings that decide what a step computes, by their dotted keys, and digests of what it reads.
 *
 * @param others models that play a role beside the trained one, by name
 */
export function settingsOf(
  { config, rows, prompts, adapter }: TrainPlan,
  others: readonly (readonly [name: string, hash: Model['hash']])[],
): Settings {
  return {
    ...keysOf(config),
    'validation rows': digest(rows.evaluation),
    'preference rows': digest(rows.pairs),
    'prompts to review': digest(prompts),
    'other models': others.length > 0 ? digest(others) : undefined,
    'adapter weights': adapter ? digest([...adapter.tensors].map(([name, { data }]) => [name, data])) : null,
  };
}

function keysOf(config: TrainConfig): Settings {
  const keys = configKeys.map(({ path }) => path).filter((path) => !FREE_KEYS.has(path));
  return Object.fromEntries(keys.map((path) => [path, valueAt(config, path.split('.')) ?? null]));
}

const digest = (value: unknown) =>
  createHash('sha256')
    .update(
      JSON.stringify(value, (_, x) =>
        ArrayBuffer.isView(x) ? Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString('base64') : x,
      ),
    )
    .digest('hex')
    .slice(0, 12);
