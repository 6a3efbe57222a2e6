/**
 * A remote model as a judge: probabilities of whole answers from the likeliest first tokens.
 *
 * Endpoints give some twenty tokens and their log-probabilities, so that what is rarer counts as 0.
 * A number is known exactly where it is one token (as with OpenAI's models); where digits are
 * split, an endpoint does not say how the number goes on.
 */

import { together } from '../../signals.js';
import type { AnswerReader } from '../language-model.js';
import type { TokenLogp } from './completion.js';
import type { RemoteModel } from './model.js';

/** @throws RemoteError, from `answerProbabilities`, when the endpoint gives no log-probabilities */
export function answerReader(model: RemoteModel): AnswerReader {
  return {
    id: model.id,
    answerProbabilities: (conversations, answers) =>
      together(conversations, async (conversation, _, aborted) =>
        probabilities(await model.topLogprobs(conversation, undefined, aborted), answers),
      ),
  };
}

/** A number is its whole token; a word may be known by the token that it begins with. */
export function probabilities(tokens: readonly TokenLogp[], answers: readonly string[]): number[] {
  const mass = answers.map(() => 0);
  for (const { token, logp } of tokens) {
    const text = token.trim();
    const exact = answers.indexOf(text);
    const begun = answers.filter((answer) => /^\p{L}/u.test(text) && answer.startsWith(text));
    const at = exact >= 0 ? exact : begun.length === 1 ? answers.indexOf(begun[0]) : -1;
    if (at >= 0) mass[at] += Math.exp(logp);
  }
  return mass;
}
