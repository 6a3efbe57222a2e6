/** Configurations of Axolotl (0.19, and keys of older versions). */
import { ConfigError } from '../../../errors.js';
import { READERS } from '../sections/report-to.js';
import { axolotlSources } from './axolotl-data.js';
import {
  duration,
  optimiser,
  preferences,
  rounded,
  schedule,
  setSources,
  shared,
  targets,
} from './common.js';
import {
  each,
  flagTo,
  later,
  none,
  numberOf,
  numberTo,
  type Rules,
  type Translation,
  to,
} from './translation.js';

export const axolotlRules: Rules = {
  ...shared,
  base_model: to('model'),
  adapter: later,
  lora_model_dir: to('adapter'),
  ...each('datasets test_datasets val_set_size rl rl_beta dpo_beta rpo_alpha num_epochs', later),
  ...each('load_in_4bit load_in_8bit eval_steps save_steps evals_per_epoch saves_per_epoch', later),
  sequence_len: numberTo('training.max_length'),
  sample_packing: (t) => t.flag('sample_packing') && t.set('training.batching', 'pack'),
  micro_batch_size: numberTo('training.batch_size'),
  lr_scheduler: schedule,
  optimizer: optimiser,
  lora_r: numberTo('lora.rank'),
  lora_target_modules: targets,
  lora_target_linear: later,
  peft_use_rslora: flagTo('lora.rslora'),
  peft_layers_to_transform: (t, _, value) => t.set('lora.layers', [value].flat().map(Number)),
  peft_use_dora: none('adapters have no magnitudes of their own (DoRA)'),
  lora_modules_to_save: none('an adapter trains its own matrices only'),
  lora_fan_in_fan_out: none('no architecture here stores its matrices transposed'),
  train_on_inputs: (t) => t.set('training.loss_on', t.flag('train_on_inputs') ? 'all' : 'response'),
  gradient_checkpointing: (t, key, value) => {
    t.set('training.checkpointing', t.flag(key) ?? value === 'offload');
    if (value === 'offload') t.change(key, 'activations are computed again, not moved elsewhere');
  },
  early_stopping_patience: numberTo('training.early_stop'),
  strict: none('unknown keys are always refused'),
  ...each(
    'model_type tokenizer_type tokenizer_config tokenizer_use_fast',
    none('told by the files of the model'),
  ),
  ...each(
    'chat_template chat_template_jinja',
    none("the model's own chat template is used", 'tokenizer_default'),
  ),
  ...each('special_tokens tokens', none("the model's own tokens are used")),
  ...each('dataset_prepared_path dataset_processes', none('rows are made into tokens at every start')),
  ...each('eval_sample_packing', none('validation has rows of similar length in a batch')),
  pad_to_sequence_len: none('rows are padded to the longest of their batch'),
  shuffle_merged_datasets: none('rows are in another order in every pass, by the seed', true),
  ...each(
    'flash_attention xformers_attention sdp_attention flex_attention sage_attention eager_attention s2_attention',
    none('kernels are those of the engine'),
  ),
  ...each(
    'wandb_project wandb_entity wandb_watch wandb_name wandb_log_model wandb_mode wandb_run_id use_wandb',
    none(READERS.wandb),
  ),
  ...each('trackio_project_name trackio_run_name trackio_space_id use_trackio', none(READERS.trackio)),
  use_mlflow: (t, key) => t.flag(key) && t.set('report_to', 'mlflow'),
  ...each('mlflow_tracking_uri mlflow_experiment_name mlflow_run_name', (t, key) => {
    t.set('report_to', 'mlflow');
    t.lose(key, `the environment says it: ${key.toUpperCase()}`);
  }),
  use_tensorboard: none(READERS.tensorboard, true),
  ...each(
    'loss_watchdog_threshold loss_watchdog_patience',
    none('training stops at a loss that is not finite'),
  ),
  ...each('auto_resume_from_checkpoints', none('resume with the flag --resume')),
  debug: none('changes no result, and is not needed here'),
  neftune_noise_alpha: none('no noise is added to embeddings'),
};

/** What is read from several keys, and what Axolotl does where nothing is said. */
export function finishAxolotl(t: Translation): void {
  const adapter = t.text('adapter');
  if (adapter !== undefined && adapter !== 'lora' && adapter !== 'qlora') {
    throw new ConfigError({
      where: 'adapter',
      what: `${adapter} is not trained here`,
      expected: 'lora or qlora',
    });
  }
  t.set('setting', adapter === undefined ? 'full' : 'lora');
  if (t.flag('load_in_4bit') || adapter === 'qlora') rounded(t, 'load_in_4bit', 4);
  else if (t.flag('load_in_8bit')) rounded(t, 'load_in_8bit', 8);
  if (t.flag('lora_target_linear')) t.values.delete('lora.targets');
  t.setDefault('training.schedule', 'cosine');
  t.setDefault('training.batch_size', 1);
  t.setDefault('training.max_length', 512);
  duration(t, 'num_epochs', 1);
  occasion(t, 'eval', 'training.eval_every');
  occasion(t, 'save', 'training.save_every');
  data(t);
  validation(t);
}

function occasion(t: Translation, what: 'eval' | 'save', path: string): void {
  const steps = t.number(`${what}_steps`);
  if (steps !== undefined && steps >= 1) {
    t.set(path, Math.round(steps));
    return;
  }
  const found = t.first(`${what}_steps`, `${what}s_per_epoch`);
  if (found === undefined) return;
  const share = `${String(found.value)}${found.key.endsWith('epoch') ? ' in a pass' : ' of all steps'}`;
  t.change(found.key, `${share}: every ${path} steps here (100 unless it is set)`);
}

function data(t: Translation): void {
  const rl = t.text('rl');
  const sources = axolotlSources(t, 'datasets', rl);
  switch (rl) {
    case undefined:
      setSources(t, 'data', sources);
      return;
    case 'kto':
      setSources(
        t,
        'data',
        sources.map((source) => ({ ...source, type: 'kto' })),
      );
      t.change('rl', 'kto: rows with label true are learnt from, those with label false are left out');
      return;
    case 'dpo':
    case 'ipo':
    case 'simpo':
    case 'orpo':
      t.set('loss.beta', numberOf(t.first('rl_beta', 'dpo_beta')?.value) ?? 0.1);
      if (rl !== 'dpo') t.change('rl', `${rl} becomes DPO`);
      preferences(t, 'rl', sources, t.number('rpo_alpha') ?? 0);
      return;
    default:
      throw new ConfigError({
        where: 'rl',
        what: `${rl} is not trained here`,
        expected: 'dpo, ipo, simpo, orpo or kto',
      });
  }
}

function validation(t: Translation): void {
  const rl = t.text('rl');
  const held = axolotlSources(t, 'test_datasets', rl);
  const share = t.number('val_set_size') ?? 0;
  if (held.length > 0) {
    const type = rl === undefined ? {} : { type: rl === 'kto' ? 'kto' : 'preference' };
    setSources(
      t,
      'eval_data',
      held.map((source) => ({ ...source, ...type })),
    );
    return;
  }
  if (share < 1) {
    t.set('eval_split', share);
    return;
  }
  t.change(
    'val_set_size',
    `${share} rows: a share of the rows is held out here, eval_split (0.02 unless it is set)`,
  );
}
