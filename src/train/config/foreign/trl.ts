/** Configurations of `trl sft` and `trl dpo` (TRL 1.16, transformers 5.24, and keys of older versions). */
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
  splitOf,
  targets,
} from './common.js';
import { each, later, none, numberOf, numberTo, type Rules, type Translation, to } from './translation.js';

/** Keys that only preference training has. */
const OF_DPO = `beta loss_weights ld_alpha f_divergence_type reference_free precompute_ref_log_probs rpo_alpha
  max_prompt_length sync_ref_model use_weighting label_smoothing`.split(/\s+/);

export const trlRules: Rules = {
  ...shared,
  model_name_or_path: to('model'),
  model_revision: none('the main branch of a repository is taken', 'main'),
  ...each('use_peft dataset_name dataset_config dataset_train_split dataset_test_split datasets beta', later),
  ...each('loss_type loss_weights rpo_alpha test_split_size completion_only_loss assistant_only_loss', later),
  ...each('load_in_4bit load_in_8bit dataset_text_field', later),
  max_length: numberTo('training.max_length'),
  max_seq_length: numberTo('training.max_length'),
  packing: (t) => t.flag('packing') && t.set('training.batching', 'pack'),
  lora_r: numberTo('lora.rank'),
  lora_target_modules: targets,
  use_dora: none('adapters have no magnitudes of their own (DoRA)'),
  lora_modules_to_save: none('an adapter trains its own matrices only'),
  lora_task_type: none('models are causal language models', 'CAUSAL_LM'),
  ...each(
    'bnb_4bit_quant_type use_bnb_nested_quant bnb_4bit_quant_storage',
    none('weights are rounded in one way'),
  ),
  ...each('dataset_streaming streaming', none('data is read and checked whole before training')),
  label_smoothing: none('the loss of DPO has no label smoothing', 0),
  precompute_ref_log_probs: none('the log-probabilities of the reference are kept anyway'),
  max_prompt_length: none('rows are cut at their end only'),
  max_completion_length: none('rows are cut at their end only'),
  truncation_mode: none('rows are cut at their end', 'keep_start'),
  eval_packing: none('validation has rows of similar length in a batch'),
  packing_strategy: none('rows are packed by first fit, decreasing', 'bfd'),
  shuffle_dataset: none('rows are in another order in every pass, by the seed', true),
};

/** Whether preferences are trained, where nobody says. */
export function isPreferenceConfig({ given }: Translation): boolean {
  const loss = [given.loss_type].flat().map(String);
  return (
    OF_DPO.some((key) => key in given) || loss.some((name) => /sigmoid|hinge|ipo|apo|sppo|robust/.test(name))
  );
}

/** What is read from several keys, and what TRL does where nothing is said. */
export function finishTrl(t: Translation, isDpo: boolean): void {
  const isLora = t.flag('use_peft') ?? false;
  t.set('setting', isLora ? 'lora' : 'full');
  if (t.flag('load_in_4bit')) rounded(t, 'load_in_4bit', 4);
  else if (t.flag('load_in_8bit')) rounded(t, 'load_in_8bit', 8);
  if (isLora) loraDefaults(t);
  t.setDefault('training.learning_rate', isDpo ? 1e-6 : 2e-5);
  duration(t, 'num_train_epochs', 3);
  const { validates } = occasions(t, 500);
  const sources = sourcesOf(t);
  if (isDpo) ofPreferences(t, sources);
  else ofRows(t, sources);
  held(t, validates, isDpo);
}

function loraDefaults(t: Translation): void {
  if (t.first('lora_target_modules') === undefined) {
    t.set('lora.targets', ['q_proj', 'v_proj']);
    t.change(
      'lora_target_modules',
      'not given: q_proj and v_proj, PEFT’s choice for most models, are written',
    );
  }
  if (t.first('lora_dropout') === undefined) {
    t.lose('lora_dropout', 'not given, which is 0.05 in TRL; adapters are trained without dropout');
  }
}

function sourcesOf(t: Translation): Source[] {
  const { dataset_name: name, datasets, dataset_config: subset, dataset_train_split: split } = t.given;
  if (Array.isArray(datasets) && datasets.length > 0)
    return datasets.map((one, i) => mixtureSource(t, one, i));
  if (typeof name !== 'string') return [];
  const own = splitOf(t, 'dataset_train_split', split);
  return [
    {
      path: name,
      ...(typeof subset === 'string' ? { subset } : {}),
      ...(own === undefined || own === 'train' ? {} : { split: own }),
    },
  ];
}

function mixtureSource(t: Translation, value: unknown, i: number): Source {
  const key = `datasets[${i}]`;
  const { path, name, data_files: files, data_dir: folder, split, columns, fraction } = Object(value);
  if (typeof path !== 'string') throw new ConfigError({ where: key, what: 'has no path' });
  const isLoader = ['json', 'csv', 'parquet', 'arrow', 'text'].includes(path);
  if (files !== undefined && !isLoader) t.lose(`${key}.data_files`, 'a split of a data set is read whole');
  if (folder !== undefined) t.lose(`${key}.data_dir`, 'a split of a data set is read whole');
  if (columns !== undefined) t.lose(`${key}.columns`, 'which columns are read is told by their names');
  const own = splitOf(t, `${key}.split`, split);
  const weight = numberOf(fraction);
  return {
    path: isLoader && files !== undefined ? String([files].flat()[0]) : path,
    ...(typeof name === 'string' ? { subset: name } : {}),
    ...(own === undefined || own === 'train' ? {} : { split: own }),
    ...(weight === undefined || weight === 1 ? {} : { weight }),
  };
}

function ofRows(t: Translation, sources: readonly Source[]): void {
  const field = t.text('dataset_text_field') ?? 'text';
  const mapped = field === 'text' ? {} : { columns: { text: field } };
  setSources(
    t,
    'data',
    sources.map((source) => ({ ...source, ...mapped })),
  );
  const loss = t.text('loss_type');
  if (loss !== undefined && loss !== 'nll')
    t.change('loss_type', `${loss} becomes the mean negative log-likelihood`);
  const answers = t.flag('assistant_only_loss');
  if (answers === undefined && t.flag('completion_only_loss') === undefined) {
    t.change(
      'assistant_only_loss',
      'not given: TRL learns every token of messages, here only answers are learnt; training.loss_on: all learns every token',
    );
  }
  if (answers === false || t.flag('completion_only_loss') === false) t.set('training.loss_on', 'all');
}

function ofPreferences(t: Translation, sources: readonly Source[]): void {
  t.set('loss.beta', t.number('beta') ?? 0.1);
  const names = [t.given.loss_type ?? 'sigmoid'].flat().map(String);
  const weights = [t.given.loss_weights ?? []].flat().map(Number);
  const at = names.indexOf('sft');
  const dpo = names.findIndex((name) => name !== 'sft');
  const share = at < 0 ? 0 : (weights[at] ?? 1) / (weights[dpo] ?? 1);
  for (const name of names.filter((one) => one !== 'sft')) preferenceLoss(t, 'loss_type', name);
  preferences(t, 'dataset_name', sources, t.number('rpo_alpha') ?? share);
}

/** Rows for validation: another split, or a part of the rows. */
function held(t: Translation, validates: boolean, isDpo: boolean): void {
  const share = t.number('test_split_size');
  if (validates && share !== undefined) {
    t.set('eval_split', share);
    return;
  }
  const name = t.text('dataset_name');
  if (!validates || name === undefined) {
    t.set('eval_split', 0);
    return;
  }
  const subset = t.text('dataset_config');
  const split = splitOf(t, 'dataset_test_split', t.given.dataset_test_split) ?? 'test';
  const type = isDpo ? { type: 'preference' } : {};
  t.set('eval_data', { path: name, ...(subset ? { subset } : {}), split, ...type });
  if (isDpo) t.change('eval_strategy', 'validation measures the loss of the chosen answers');
}
