/** The prompts that are answered and reviewed: general probes, and prompts of the training rows. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { builtInProbes, PROBES_FILE } from '../conscience/probes.js';
import { needsMoreThanTurns, promptOf, readPrompts } from '../data/dataset.js';
import { namesOf } from '../data/source.js';
import { DataError } from '../errors.js';
import type { NamedModel } from '../model/model.js';
import type { Prompt } from '../values/conversation.js';
import type { TrainConfig } from './config/schema.js';
import type { TrainData } from './data.js';

export interface PromptPools {
  readonly probes: readonly Prompt[];
  readonly trainingPrompts: readonly Prompt[];
}

/** The configuration's probes, or the model's own, or the built-in ones. */
export async function probesOf({ probes }: TrainData, modelPath: string): Promise<readonly Prompt[]> {
  const own = join(modelPath, PROBES_FILE);
  return probes ?? (existsSync(own) ? await readPrompts(own) : builtInProbes);
}

/** Which of them they are. */
export function probesSource({ conscience }: TrainConfig, modelPath: string): string {
  const own = join(modelPath, PROBES_FILE);
  return conscience.probes ?? (existsSync(own) ? own : 'built in');
}

/**
 * Chooses the prompts that may be reviewed, as `conscience.prompts` says, and that leave room for an answer.
 *
 * @param probes of `probesOf`
 * @param note   told how many prompts are left out, and why
 * @throws DataError when none is left
 */
export function promptPools(
  { conscience, data: sources }: TrainConfig,
  { train }: TrainData,
  allProbes: readonly Prompt[],
  { tokenizer, config }: NamedModel,
  note: (line: string) => void,
): PromptPools {
  if (!conscience.enabled) return { probes: [], trainingPrompts: [] };
  const probes = conscience.prompts === 'training' ? [] : allProbes;
  const asked = conscience.prompts === 'probes' ? [] : train;
  const plain = asked.filter((row) => !needsMoreThanTurns(row));
  if (plain.length < asked.length) {
    const n = asked.length - plain.length;
    note(`${n} training rows are not reviewed: they have tools or template variables.`);
  }
  const trainingPrompts = plain.flatMap((row) => promptOf(row) ?? []);
  const room = config.maxPositions - Math.min(conscience.max_tokens, Math.floor(config.maxPositions / 4));
  const fits = ({ messages }: Prompt) =>
    !tokenizer.hasChatTemplate ||
    tokenizer.encodeChat(messages, { addGenerationPrompt: true }).length <= room;
  const pools = { probes: probes.filter(fits), trainingPrompts: trainingPrompts.filter(fits) };
  const kept = pools.probes.length + pools.trainingPrompts.length;
  const long = probes.length + trainingPrompts.length - kept;
  if (conscience.prompts === 'mixture' && pools.trainingPrompts.length === 0) {
    note('Only probes are reviewed: no training row has a prompt that could be.');
  }
  if (long > 0) note(`${long} prompts are not reviewed: they leave no room for an answer.`);
  if (kept > 0) return pools;
  const what =
    long > 0
      ? 'no prompt that could be reviewed leaves room for an answer'
      : 'the training rows have no prompts that could be reviewed (text rows have none)';
  const next = probes.length > 0 ? 'give shorter probes' : 'set conscience.prompts: probes';
  throw new DataError({ where: namesOf(sources), what, next });
}

/** Share of probes among the prompts of a review. */
export const probeShareOf = ({ conscience }: TrainConfig): number =>
  conscience.prompts === 'mixture' ? conscience.mixture_share : 1;
