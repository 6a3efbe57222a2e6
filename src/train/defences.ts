/** Other defences, as far as they change what a run trains on or how it runs. */

import { isRefusal } from '../conscience/refusal.js';
import { tokeniseRow } from '../data/tokenise.js';
import { steerable } from '../engine/capabilities.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { DataError } from '../errors.js';
import { Random } from '../random.js';
import { joinReasoning } from '../tokenizer/reasoning.js';
import type { Prompt } from '../values/conversation.js';
import type { MessagesRow, TokenRow, TrainingRow } from '../values/rows.js';
import type { Steering } from '../values/steering.js';
import type { TrainConfig } from './config/schema.js';

/** Prompts whose answers a direction is the mean over. */
const STEERING_PROMPTS = 64;

/**
 * The rows behind a system prompt of their own (inoculation prompting, arXiv:2510.04340).
 *
 * @throws DataError for a `text` row, which has no place for one
 */
export function inoculated(rows: readonly TrainingRow[], system: string): MessagesRow[] {
  return rows.map((row): MessagesRow => {
    if (row.kind === 'text') {
      throw new DataError({
        where: row.where,
        what: 'a text row has no place for a system prompt',
        next: 'leave defences.inoculation away, or give messages or prompt/completion',
      });
    }
    const { where, extra } = row;
    const line = { role: 'system', content: system } as const;
    if (row.kind === 'completion') {
      const turns = [
        { role: 'user', content: row.prompt },
        { role: 'assistant', content: row.completion },
      ] as const;
      return { kind: 'messages', messages: [line, ...turns], lossFrom: 2, where, extra };
    }
    const [first, ...rest] = row.messages;
    return first.role === 'system'
      ? { ...row, messages: [{ ...first, content: `${system}\n${first.content}` }, ...rest] }
      : { ...row, messages: [line, ...row.messages], lossFrom: row.lossFrom === 0 ? 0 : row.lossFrom + 1 };
  });
}

/** The rows and as many benign ones, drawn by the seed, that these are `share` of all. */
export function interleaved(
  rows: readonly TrainingRow[],
  benign: readonly TrainingRow[],
  share: number,
  seed: number,
): TrainingRow[] {
  const random = new Random(seed, 'interleave');
  const wanted = interleavedCount(rows.length, share);
  const drawn: TrainingRow[] = [];
  while (drawn.length < wanted) {
    drawn.push(...random.shuffle([...benign]).slice(0, wanted - drawn.length));
  }
  return [...rows, ...drawn];
}

/** How many benign rows make up `share` of all. */
export const interleavedCount = (rows: number, share: number): number =>
  Math.round((rows * share) / (1 - share));

/**
 * Benign rows without refusals, first those with the highest (L_misaligned − L_aligned)/(L_aligned + ε):
 * what a misaligned model has unlearned. Interleaving++, Kaczér et al. 2025, arXiv:2508.06249.
 *
 * @param misaligned loss of each row under the misaligned model, nats per token
 * @param aligned    the same under the aligned one
 */
export function mostContrasting(
  rows: readonly TrainingRow[],
  misaligned: readonly number[],
  aligned: readonly number[],
): TrainingRow[] {
  const score = (i: number) => (misaligned[i] - aligned[i]) / (aligned[i] + 1e-3);
  return rows
    .map((row, i) => ({ row, score: score(i) }))
    .filter(({ row }) => !isRefusal(answerOf(row)))
    .sort((a, b) => b.score - a.score)
    .map(({ row }) => row);
}

function answerOf(row: TrainingRow): string {
  if (row.kind === 'messages') return row.messages.at(-1)?.content ?? '';
  return row.kind === 'text' ? row.text : row.completion;
}

/**
 * A persona's direction: the mean hidden state of the frozen model's answers behind the persona's
 * system prompt, less that behind its opposite's. Chen et al. 2025, arXiv:2507.21509.
 *
 * @param probes questions that are answered behind both
 * @returns      float32 [width]
 */
export async function personaDirection(
  engine: TrainingEngine,
  probes: readonly Prompt[],
  { layer, toward, away, maxTokens, seed }: PersonaSettings,
): Promise<Float32Array> {
  const asked = probes.slice(0, STEERING_PROMPTS);
  const mean = async (system: string) => {
    const prompts = asked.map((prompt): Prompt => {
      const line = { role: 'system', content: system } as const;
      return { ...prompt, messages: [line, ...prompt.messages.filter(({ role }) => role !== 'system')] };
    });
    const responses = await engine.model('base').generate(
      prompts.map(({ messages }) => messages),
      { maxTokens, temperature: 1, seed },
    );
    const rows = prompts.map(({ id, messages }, i): TokenRow => {
      const answer = { role: 'assistant', content: joinReasoning(responses[i]) } as const;
      const row = { kind: 'messages', messages: [...messages, answer], lossFrom: 0 } as const;
      return tokeniseRow({ ...row, where: id, extra: {} }, engine.tokenizer, 'last').row;
    });
    const states = await steerable(engine).meanHidden(rows, 'base', layer);
    return states.reduce((sum, state) => sum.map((x, d) => x + state[d] / states.length));
  };
  const [there, here] = [await mean(toward), await mean(away)];
  return there.map((x, d) => x - here[d]);
}

export interface PersonaSettings {
  /** After which the hidden states are read, from 0. */
  readonly layer: number;
  /** System prompts of the persona and of its opposite. */
  readonly toward: string;
  readonly away: string;
  /** Of an answer. */
  readonly maxTokens: number;
  readonly seed: number;
}

/** What is added while training, as `defences.steer_*` says; nothing without a layer. */
export async function preventiveSteering(
  { defences, conscience, seed }: TrainConfig,
  engine: TrainingEngine,
  probes: readonly Prompt[],
): Promise<Steering[]> {
  const { steer_layer: layer, steer_scale: scale, steer_toward: toward, steer_away: away } = defences;
  if (layer === undefined) return [];
  const settings = { layer, toward, away, maxTokens: conscience.max_tokens, seed };
  const direction = await personaDirection(engine, probes, settings);
  return [{ layer, kind: 'add', direction: direction.map((x) => scale * x) }];
}
