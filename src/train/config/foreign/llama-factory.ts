/** Configurations of LLaMA-Factory (0.9.5, and keys of older versions). */
import { ConfigError } from '../../../errors.js';
import {
  duration,
  occasions,
  preferenceLoss,
  preferences,
  rounded,
  type Source,
  setSources,
  shared,
  targets,
} from './common.js';
import { llamaFactorySources } from './llama-factory-data.js';
import { each, later, none, numberTo, type Rules, type Translation, to } from './translation.js';

export const llamaFactoryRules: Rules = {
  ...shared,
  model_name_or_path: to('model'),
  adapter_name_or_path: to('adapter'),
  model_revision: none('the main branch of a repository is taken', 'main'),
  ...each('stage finetuning_type dataset eval_dataset dataset_dir val_size quantization_bit', later),
  ...each('pref_beta dpo_beta pref_loss pref_ftx dpo_ftx train_on_prompt mask_history', later),
  cutoff_len: numberTo('training.max_length'),
  lora_rank: numberTo('lora.rank'),
  lora_target: targets,
  packing: (t) => t.flag('packing') && t.set('training.batching', 'pack'),
  neat_packing: (t) => t.flag('neat_packing') && t.set('training.batching', 'pack'),
  train_from_scratch: (t) => t.flag('train_from_scratch') && t.set('init', 'random'),
  disable_gradient_checkpointing: (t, key) => t.set('training.checkpointing', !t.flag(key)),
  early_stopping_steps: numberTo('training.early_stop'),
  template: none("the model's own chat template is used"),
  default_system: none('a system turn stands in the rows, in messages or system'),
  max_samples: none('a source is read whole; weight takes a part of it'),
  mix_strategy: none('sources are joined; weight says how often rows of each are taken', 'concat'),
  interleave_probs: none('sources are joined; weight says how often rows of each are taken'),
  streaming: none('data is read and checked whole before training'),
  use_dora: none('adapters have no magnitudes of their own (DoRA)'),
  loraplus_lr_ratio: none('both matrices of an adapter have one learning rate'),
  ...each('pissa_init', none('a new adapter starts at zero')),
  additional_target: none('an adapter trains its own matrices only'),
  neftune_noise_alpha: none('no noise is added to embeddings'),
  dpo_label_smoothing: none('the loss of DPO has no label smoothing', 0),
  ref_model: none('the reference is a frozen copy (conscience.roles.reference)'),
  ...each(
    'quantization_method quantization_type double_quantization',
    none('weights are rounded in one way', 'bnb', 'bitsandbytes'),
  ),
  ...each('use_unsloth use_unsloth_gc enable_liger_kernel', none('kernels are those of the engine')),
  ...each('cache_dir hf_hub_token', none('the environment says it: HF_HOME, HF_TOKEN')),
  ...each('save_only_model', none('checkpoints hold all that a resumed run needs')),
  ...each('use_swanlab swanlab_project', none('metrics.jsonl and TensorBoard files are always written')),
};

/** What is read from several keys, and what LLaMA-Factory does where nothing is said. */
export function finishLlamaFactory(t: Translation): void {
  const kind = t.text('finetuning_type') ?? 'lora';
  if (kind !== 'lora' && kind !== 'full') {
    throw new ConfigError({
      where: 'finetuning_type',
      what: `${kind} is not done here`,
      expected: 'lora or full',
    });
  }
  t.set('setting', kind);
  if (kind === 'lora') {
    t.setDefault('lora.rank', 8);
    // twice the rank is its default
    t.setDefault('lora.alpha', 2 * Number(t.values.get('lora.rank')));
    const bits = t.number('quantization_bit');
    if (bits !== undefined) rounded(t, 'quantization_bit', bits);
  }
  t.setDefault('training.max_length', 2048);
  t.setDefault('training.learning_rate', 5e-5);
  duration(t, 'num_train_epochs', 3);
  const { validates } = occasions(t, 500);
  if (t.flag('train_on_prompt')) t.set('training.loss_on', 'all');
  else if (t.flag('mask_history')) t.set('training.loss_on', 'last');
  const stage = t.text('stage') ?? 'sft';
  data(t, stage);
  const held = typed(t, llamaFactorySources(t, 'eval_dataset'), stage);
  if (held.length > 0) setSources(t, 'eval_data', held);
  else t.set('eval_split', heldShare(t, validates));
}

function heldShare(t: Translation, validates: boolean): number | undefined {
  const share = t.number('val_size') ?? 0;
  if (share < 1) return validates || share > 0 ? share : 0;
  t.change(
    'val_size',
    `${share} rows: a share of the rows is held out here, eval_split (0.02 unless it is set)`,
  );
  return undefined;
}

function data(t: Translation, stage: string): void {
  const sources = llamaFactorySources(t, 'dataset');
  switch (stage) {
    case 'sft':
    case 'pt':
      setSources(t, 'data', typed(t, sources, stage));
      return;
    case 'kto':
      setSources(t, 'data', typed(t, sources, stage));
      t.change('stage', 'kto: rows with label true are learnt from, those with label false are left out');
      return;
    case 'dpo': {
      t.set('loss.beta', t.number('pref_beta') ?? t.number('dpo_beta') ?? 0.1);
      preferenceLoss(t, 'pref_loss', t.text('pref_loss') ?? 'sigmoid');
      preferences(
        t,
        'stage',
        sources.map(({ type: _, ...source }) => source),
        t.number('pref_ftx') ?? t.number('dpo_ftx') ?? 0,
      );
      return;
    }
    default:
      throw new ConfigError({
        where: 'stage',
        what: `${stage} is not trained here`,
        expected: 'sft, pt, dpo or kto',
      });
  }
}

/** What the rows of a stage are, whatever dataset_info.json calls their form: for training, and for validation. */
const STAGE_TYPES: Readonly<Record<string, string>> = { pt: 'text', kto: 'kto', dpo: 'preference' };

function typed(t: Translation, sources: readonly Source[], stage: string): readonly Source[] {
  const type = STAGE_TYPES[stage];
  if (type === undefined) return sources;
  return sources.map((source) => ({ ...(stage === 'pt' ? textSource(t, source) : source), type }));
}

/** The text of pretraining stands in the column of the prompt, which is called instruction unless it is said. */
function textSource(t: Translation, { type, columns, ...source }: Source): Source {
  if (type === undefined) return source;
  const { instruction: text = 'instruction', ...others } = Object(columns) as Record<string, string>;
  const lost = Object.values(others);
  if (type !== 'alpaca')
    t.change('stage', `pt: rows of ${source.path} are turns; a row of text is read by its key text`);
  else if (lost.length > 0)
    t.lose(`dataset ${source.path}: columns`, `rows of text have no ${lost.join(', ')}`);
  return type !== 'alpaca' || text === 'text' ? source : { ...source, columns: { text } };
}
