/** Sums of usage. */
import type { Usage } from './conversation.js';

export const NO_USAGE: Usage = { promptTokens: 0, answerTokens: 0 };

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    answerTokens: a.answerTokens + b.answerTokens,
  };
}
