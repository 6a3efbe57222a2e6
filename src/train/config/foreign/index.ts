/** Whose configuration one is, and what its keys become here. */

import { axolotlRules, finishAxolotl } from './axolotl.js';
import { finishLlamaFactory, llamaFactoryRules } from './llama-factory.js';
import { AXOLOTL, LLAMA_FACTORY, TRAINING_ARGUMENTS, TRL } from './names.js';
import { type Given, none, type Rules, Translation } from './translation.js';
import { finishTrl, isPreferenceConfig, trlRules } from './trl.js';

/** What `--from` may name. */
export const FORMATS = ['trl-sft', 'trl-dpo', 'axolotl', 'llama-factory'] as const;
export type Format = (typeof FORMATS)[number];

interface Tool {
  readonly name: string;
  readonly rules: Rules;
  readonly names: readonly ReadonlySet<string>[];
}

const trl: Tool = { name: 'TRL', rules: trlRules, names: [TRL, TRAINING_ARGUMENTS] };
const axolotl: Tool = { name: 'Axolotl', rules: axolotlRules, names: [AXOLOTL] };
const llamaFactory: Tool = {
  name: 'LLaMA-Factory',
  rules: llamaFactoryRules,
  names: [LLAMA_FACTORY, TRAINING_ARGUMENTS],
};
const tools: readonly Tool[] = [trl, axolotl, llamaFactory];

const knows = ({ names }: Tool, key: string): boolean => names.some((known) => known.has(key));

/** Keys that one tool alone has, and by which its configurations are told. */
const MARKS: readonly (readonly [Tool, RegExp])[] = [
  [axolotl, /^(base_model|sequence_len|micro_batch_size|datasets|val_set_size)$/],
  [llamaFactory, /^(stage|finetuning_type|template|cutoff_len|lora_target|dataset|pref_beta)$/],
  [trl, /^(dataset_name|use_peft|dataset_text_field|dataset_config|beta)$/],
];

/** The tools that have such a key, in words: `TRL and Axolotl`; undefined where none has. */
export function ownersOf(key: string): string | undefined {
  const owners = tools.filter((tool) => knows(tool, key)).map(({ name }) => name);
  if (owners.length === 0) return undefined;
  return [owners.slice(0, -1).join(', '), owners.at(-1)].filter((part) => part !== '').join(' and ');
}

/** Which tool's configuration it is; undefined where no key is any's. */
export function formatOf(given: Given): Format | undefined {
  const keys = Object.keys(given);
  const scores = tools.map((tool) => {
    const mark = MARKS.find(([own]) => own === tool)![1];
    return keys.reduce((sum, key) => sum + (knows(tool, key) ? 1 : 0) + (mark.test(key) ? 3 : 0), 0);
  });
  const best = Math.max(...scores);
  if (best === 0) return undefined;
  const tool = tools[scores.indexOf(best)];
  if (tool === axolotl) return 'axolotl';
  if (tool === llamaFactory) return 'llama-factory';
  return isPreferenceConfig(new Translation(given)) ? 'trl-dpo' : 'trl-sft';
}

/** What a format is called. */
export const nameOf = (format: Format): string =>
  format === 'axolotl'
    ? axolotl.name
    : format === 'llama-factory'
      ? llamaFactory.name
      : format.replace('trl-', 'TRL ').toUpperCase();

/**
 * Translates a configuration.
 *
 * @param own      whether a key is one of ours, and stays as it is
 * @param readJson see `Translation`
 * @throws ConfigError for what is not trained here at all, e.g. reward models
 */
export function translate(
  given: Given,
  format: Format,
  own: (key: string) => boolean,
  readJson: (path: string) => unknown,
): Translation {
  const t = new Translation(given, readJson);
  const tool = format === 'axolotl' ? axolotl : format === 'llama-factory' ? llamaFactory : trl;
  const kept: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    const rule = Object.hasOwn(tool.rules, key) ? tool.rules[key] : undefined;
    if (rule) rule(t, key, value);
    else if (own(key)) kept.push(key);
    else
      none(knows(tool, key) ? 'nothing like it is here' : `not a key of ${tool.name} that is known here`)(
        t,
        key,
        value,
      );
  }
  if (tool === axolotl) finishAxolotl(t);
  else if (tool === llamaFactory) finishLlamaFactory(t);
  else finishTrl(t, format === 'trl-dpo');
  for (const key of kept) t.set(key, given[key]);
  return t;
}
