/**
 * `emergent-alignment/openai`: a conscience around the official client of OpenAI's API, whatever endpoint it asks.
 *
 * ```ts
 * const client = guardOpenAI(new OpenAI(), { conscience });
 * const answer = await client.chat.completions.create({ model, messages });
 * ```
 *
 * `create`, `parse`, `stream` and `runTools` stay as they are: the answers are reviewed where they come in, in the
 * client's `fetch`. An answer that passes is the endpoint's own, field for field; the verdict is added as
 * `conscience`, and the tokens of the reviews to `usage`.
 */
import type { OpenAI } from 'openai';
import type { LanguageModel } from '../engine/language-model.js';
import { Guard } from '../zero-shot/guard.js';
import type { ZeroShotOptions } from '../zero-shot/options.js';
import { guardedFetch } from './fetch.js';
import { type ModelOfClient, modelOfClient } from './judge.js';

export type { ModelOfClient } from './judge.js';

export interface GuardOptions
  extends Omit<ZeroShotOptions, 'conscience' | 'alternative' | 'reviewInput' | 'doubt'> {
  /**
   * Who reviews: a model of ours, or one that a client of OpenAI's API asks, in words. Default: the model that
   * answers, asked by the client itself.
   */
  readonly conscience?: LanguageModel | ModelOfClient;
  /** Who writes alternatives. Default: the conscience. */
  readonly alternative?: LanguageModel | ModelOfClient;
}

/**
 * The same client with a conscience. Streams are held until the verdict on the whole.
 *
 * What is not reviewed is refused with the error 400 `not_reviewed`: `completions`, `responses`, assistants and
 * audio. Embeddings, files, models and the like pass.
 *
 * @param client stays without a conscience
 */
export function guardOpenAI(client: OpenAI, options: GuardOptions = {}): OpenAI {
  const { conscience, alternative, ...settings } = options;
  const guards = new Map<string, Guard>();
  const guardOf = (model: string): Guard => {
    const known = guards.get(model);
    if (known) return known;
    const judge = conscience ?? { client, model };
    const made = new Guard(asModel(judge), {
      reading: isOfClient(judge) ? 'text' : undefined,
      ...settings,
      alternative: alternative && asModel(alternative),
    });
    guards.set(model, made);
    return made;
  };
  // biome-ignore lint/complexity/useLiteralKeys: it is private, and there is no other way to keep a fetch of its own
  return client.withOptions({ fetch: guardedFetch(client['fetch'], guardOf) });
}

const isOfClient = (model: LanguageModel | ModelOfClient): model is ModelOfClient => 'client' in model;
const asModel = (model: LanguageModel | ModelOfClient): LanguageModel =>
  isOfClient(model) ? modelOfClient(model) : model;
