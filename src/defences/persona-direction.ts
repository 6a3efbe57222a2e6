/** The direction in the residual stream along which a model takes on a persona. Chen et al. 2025, arXiv:2507.21509. */
import { tokeniseRow } from '../data/tokenise.js';
import { steerable } from '../engine/capabilities.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { joinReasoning } from '../tokenizer/reasoning.js';
import type { Prompt } from '../values/conversation.js';
import type { TokenRow } from '../values/rows.js';

/** Prompts whose answers a direction is the mean over. */
const STEERING_PROMPTS = 64;

export interface PersonaSettings {
  /** Layer, from 0, after which the hidden states are read. */
  readonly layer: number;
  /** System prompt of the persona. */
  readonly toward: string;
  /** System prompt of its opposite. */
  readonly away: string;
  /** Upper limit of an answer, in tokens. */
  readonly maxTokens: number;
  readonly seed: number;
}

/**
 * Measures a persona's direction: the mean hidden state of the frozen model's answers under the persona's
 * system prompt, less that under its opposite's.
 *
 * @param probes questions that are answered under both
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
