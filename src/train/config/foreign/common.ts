/** What the tools have in common: schedules, optimisers, adapters, quantised bases, preference losses. */
import { allProjections } from '../../../model/architectures/architecture.js';
import { READERS } from '../sections/report-to.js';
import {
  each,
  flagTo,
  later,
  none,
  numberOf,
  numberTo,
  type Rule,
  type Rules,
  type Translation,
  to,
} from './translation.js';

/** Keys of transformers' TrainingArguments, and of PEFT, that TRL and LLaMA-Factory share. */
export const shared: Rules = {
  output_dir: to('output'),
  overwrite_output_dir: flagTo('overwrite'),
  seed: numberTo('seed'),
  per_device_train_batch_size: numberTo('training.batch_size'),
  gradient_accumulation_steps: numberTo('training.gradient_accumulation'),
  learning_rate: numberTo('training.learning_rate'),
  weight_decay: numberTo('training.weight_decay'),
  adam_beta1: numberTo('training.adam_beta1'),
  adam_beta2: numberTo('training.adam_beta2'),
  adam_epsilon: numberTo('training.adam_eps'),
  max_grad_norm: numberTo('training.max_grad_norm'),
  logging_steps: atLeastOne('training.log_every'),
  save_total_limit: numberTo('training.keep_checkpoints'),
  gradient_checkpointing: flagTo('training.checkpointing'),
  lr_scheduler_type: schedule,
  optim: optimiser,
  use_rslora: flagTo('lora.rslora'),
  lora_alpha: numberTo('lora.alpha'),
  lora_dropout: none('adapters are trained without dropout', 0),
  use_cpu: later,
  do_train: later,
  ...each(
    `num_train_epochs max_steps warmup_steps warmup_ratio eval_strategy evaluation_strategy eval_steps do_eval
    save_strategy save_steps`,
    later,
  ),
  ...each(
    'bf16 fp16 tf32 bf16_full_eval fp16_full_eval pure_bf16 torch_dtype dtype compute_dtype',
    none('training runs in float32', 'float32', 'auto'),
  ),
  report_to: reporting,
  run_name: none('the run is called as its output folder; MLFLOW_RUN_NAME names it at MLflow'),
  ...each('logging_dir project', none(READERS.tensorboard)),
  ...each('trackio_space_id trackio_bucket_id trackio_static_space_id', none(READERS.trackio)),
  ...each(
    'push_to_hub hub_model_id hub_token hub_strategy hub_private_repo hub_revision',
    none('nothing is uploaded'),
  ),
  ...each(
    'per_device_eval_batch_size eval_accumulation_steps',
    none('validation takes batches of training.batch_size'),
  ),
  ...each('resume_from_checkpoint', none('resume with the flag --resume')),
  ...each('trust_remote_code', none('no code of a model is run; its architecture has to be known here')),
  ...each(
    'attn_implementation flash_attn use_liger_kernel torch_compile',
    none('kernels are those of the engine', 'auto'),
  ),
  ...each(
    `deepspeed fsdp fsdp_config ddp_timeout ddp_find_unused_parameters ddp_backend accelerator_config
    parallelism_config local_rank`,
    none('training runs in one process', -1),
  ),
  ...each(
    `dataloader_num_workers dataloader_pin_memory dataloader_prefetch_factor dataloader_persistent_workers
    dataset_num_proc preprocessing_num_workers overwrite_cache gradient_checkpointing_kwargs disable_tqdm
    remove_unused_columns torch_empty_cache_steps log_level plot_loss use_cache`,
    none('changes no result, and is not needed here', 0, true),
  ),
  group_by_length: none('rows of similar length share a batch anyway: training.batching: bucket'),
};

/** The programs that get metrics: those that read our files by their own clients are told how. */
function reporting(t: Translation, key: string, value: unknown): void {
  for (const name of [value].flat().map(String)) {
    if (name === 'mlflow') t.set('report_to', name);
    else if (Object.hasOwn(READERS, name) && name !== 'tensorboard') t.lose(key, READERS[name]);
    else none(`${name}: ${READERS.tensorboard}`, 'tensorboard', 'all')(t, key, name);
  }
}

/** A count of at least one, of which shares of all steps are told. */
function atLeastOne(path: string): Rule {
  return (t, key, value) => {
    const number = numberOf(value);
    if (number !== undefined && number >= 1) t.set(path, Math.round(number));
    else t.change(key, `${JSON.stringify(value)} is no number of steps; the default of ${path} holds`);
  };
}

/** The course of the learning rate. */
export function schedule(t: Translation, key: string, value: unknown): void {
  const name = String(value);
  if (name === 'constant_with_warmup') {
    t.set('training.schedule', 'constant');
    return;
  }
  if (['linear', 'cosine', 'constant'].includes(name)) {
    t.set('training.schedule', name);
    return;
  }
  const nearest = name.includes('cosine') ? 'cosine' : name.includes('constant') ? 'constant' : 'linear';
  t.set('training.schedule', nearest);
  t.change(key, `${name} becomes ${nearest}, down to 0`);
}

/** AdamW, whatever was asked for. */
export function optimiser(t: Translation, key: string, value: unknown): void {
  const name = String(value);
  if (!/^(ademamix|adamw)/.test(name) || name.startsWith('ademamix')) t.change(key, `${name} becomes AdamW`);
  else if (/8bit|4bit|paged/.test(name)) t.change(key, `${name} becomes AdamW with moments in float32`);
}

/** Steps or passes, and the warm-up. @param epochs what the tool does where nothing is said */
export function duration(t: Translation, key: string, epochs: number): void {
  const steps = t.number('max_steps');
  if (steps !== undefined && steps > 0) t.set('training.steps', steps);
  else t.set('training.epochs', t.number(key) ?? epochs);
  const given = t.number('warmup_steps') ?? 0;
  const ratio = given > 0 && given < 1 ? given : (t.number('warmup_ratio') ?? 0);
  if (given >= 1) t.set('training.warmup_steps', Math.round(given));
  else if (ratio === 0) t.set('training.warmup_steps', 0);
  else if (steps !== undefined && steps > 0) t.set('training.warmup_steps', Math.ceil(ratio * steps));
  else {
    const says = `${ratio} of all steps, whose number is known when the data is read; set training.warmup_steps (5 unless it is set)`;
    t.change(t.number('warmup_ratio') === undefined ? 'warmup_steps' : 'warmup_ratio', says);
  }
}

/** When validation and checkpoints come. @param saveEvery what the tool does where nothing is said */
export function occasions(t: Translation, saveEvery: number): { readonly validates: boolean } {
  const { key = 'eval_strategy', value = 'no' } = t.first('eval_strategy', 'evaluation_strategy') ?? {};
  const evaluates = value !== 'no' && value !== false;
  if (!evaluates) t.set('training.eval_every', 0);
  else if (value === 'steps')
    occasion(t, 'eval_steps', 'training.eval_every', t.number('logging_steps') ?? 10);
  else
    t.change(
      key,
      `${String(value)}: a validation every training.eval_every steps here (100 unless it is set)`,
    );
  const strategy = t.text('save_strategy') ?? 'steps';
  if (t.given.save_strategy === false || strategy === 'no') t.set('training.save_every', 0);
  else if (strategy === 'steps') occasion(t, 'save_steps', 'training.save_every', saveEvery);
  else
    t.change(
      'save_strategy',
      `${strategy}: a checkpoint every training.save_every steps here (100 unless it is set)`,
    );
  return { validates: evaluates };
}

function occasion(t: Translation, key: string, path: string, otherwise: number): void {
  const steps = t.number(key) ?? otherwise;
  if (steps >= 1) t.set(path, Math.round(steps));
  else t.change(key, `${steps} of all steps, whose number is known when the data is read; set ${path}`);
}

/** The modules of an adapter. */
export function targets(t: Translation, key: string, value: unknown): void {
  const names = [value].flat().flatMap((name) =>
    String(name)
      .split(',')
      .map((one) => one.trim()),
  );
  if (names.some((name) => name === 'all' || name === 'all-linear')) return;
  const known = new RegExp(`(^|\\.)(${allProjections.join('|')})$`);
  const [kept, others] = [
    names.filter((name) => known.test(name)),
    names.filter((name) => !known.test(name)),
  ];
  if (others.length > 0)
    t.lose(key, `no adapter sits on ${others.join(', ')} here, but on ${allProjections.join(', ')}`);
  if (kept.length > 0) t.set('lora.targets', kept);
}

/** Frozen weights in few bits. */
export function rounded(t: Translation, key: string, bits: number): void {
  if (t.values.get('setting') === 'full') {
    t.lose(key, 'weights that are trained stay in float32');
    return;
  }
  if (bits !== 4 && bits !== 8) {
    t.lose(key, `weights are rounded to 8 or 4 bits here, not to ${bits}`);
    return;
  }
  t.set('quantize', `q${bits}`);
  t.change(
    key,
    `the frozen weights are rounded to ${bits} bits in blocks of 32, not as bitsandbytes rounds them`,
  );
}

/** A source of rows as our configuration has it. */
export type Source = Readonly<Record<string, unknown>> & { readonly path: string };

/** A source in the shortest form. */
const short = (source: Source): unknown => (Object.keys(source).length === 1 ? source.path : source);

/** Sources under a key, in the shortest form. */
export function setSources(t: Translation, path: string, sources: readonly Source[]): void {
  if (sources.length === 0) return;
  t.set(path, sources.length === 1 ? short(sources[0]) : sources.map(short));
}

/** A split of a data set, without a slice of it. */
export function splitOf(t: Translation, key: string, split: unknown): string | undefined {
  if (typeof split !== 'string' || split === '') return undefined;
  const [, name, slice] = /^([\w.-]+)(\[.*\])?$/.exec(split) ?? [];
  if (name === undefined || slice !== undefined) t.change(key, `${split}: the whole split is read`);
  return name ?? split;
}

/**
 * Preference rows as ours: fixed pairs beside those of the reviews, and the chosen answers as rows.
 *
 * @param weight of the supervised loss beside the preference loss, as the tool has it; 0 is none
 */
export function preferences(t: Translation, key: string, sources: readonly Source[], weight: number): void {
  setSources(
    t,
    'data',
    sources.map((source) => ({ ...source, type: 'preference' })),
  );
  setSources(t, 'preference_data', sources);
  const lambda = weight > 0 ? 1 / weight : 1;
  t.set('loss.lambda', lambda);
  t.set('conscience.pairs_every', 1);
  const beside =
    'half of the pairs of a step (conscience.pairs_per_step) are these, half those of the reviews';
  t.change(
    key,
    weight > 0
      ? `the loss L_DPO + ${weight}·L_SFT becomes L_SFT + ${lambda}·L_DPO, ${weight === 1 ? 'the same' : `which is ${lambda} times as large`}; ${beside}`
      : `preferences alone are not trained here: the chosen answers are learnt as well, L_SFT + ${lambda}·L_DPO; ${beside}`,
  );
}

/** Another preference loss than DPO's. */
export function preferenceLoss(t: Translation, key: string, value: unknown): void {
  if (value !== 'sigmoid' && value !== 'dpo') t.change(key, `${String(value)} becomes the loss of DPO`);
}
