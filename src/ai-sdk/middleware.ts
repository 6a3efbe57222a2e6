/**
 * A conscience as middleware of the AI SDK (specification V4), for `wrapLanguageModel`.
 *
 * `generateText` and `streamText` stay as they are; the verdict is in
 * `providerMetadata['emergent-alignment']`. Calls of tools are reviewed with the answer, and dropped
 * with it. What a provider has executed by itself cannot be taken back.
 */
import type { LanguageModelV4, LanguageModelV4Middleware, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { LanguageModel } from '../engine/language-model.js';
import { Guard } from '../zero-shot/guard.js';
import type { ZeroShotOptions } from '../zero-shot/options.js';
import { CORRECTION_NOTICE, release, type StreamPolicy } from '../zero-shot/release.js';
import { draftOf } from './draft.js';
import { judgeOf } from './judge.js';
import { LocalLanguageModel } from './local-model.js';
import { askedOf, messagesOf } from './prompt.js';
import { METADATA_KEY, metadataOf, responseOf, settledFinish, settledUsage, usageOf } from './result.js';
import { streamOf, TextParts } from './stream.js';

export interface ConscienceOptions extends Omit<ZeroShotOptions, 'conscience' | 'alternative'> {
  /**
   * Who reviews: a model of the AI SDK, or one of ours. Default: the frozen copy of a local model, and
   * any other model itself, asked in words.
   */
  readonly conscience?: LanguageModelV4 | LanguageModel;
  /** Who writes alternatives. Default: the conscience. */
  readonly alternative?: LanguageModelV4 | LanguageModel;
  /**
   * When the words of a stream may leave. Default `hold`.
   *
   * - `hold`: after the verdict on the whole. Risk: none beyond the conscience's own errors; the reader waits.
   * - `sentence`: each sentence after a verdict on all up to it; an objection stops the draft, and a
   *   correction follows. Risk: what is harmful only together with what follows has left in part. The
   *   tokens of a draft that was stopped are only counted where the provider tells them.
   * - `after`: every word at once; after an objection a correction follows. Risk: the reader has seen all
   *   of a flagged answer, and software may have acted on it.
   */
  readonly policy?: StreamPolicy;
}

/** @throws UserError, from the calls that it wraps, when the conscience cannot be asked */
export function conscience(options: ConscienceOptions = {}): LanguageModelV4Middleware {
  const { policy = 'hold' } = options;
  const guards = new WeakMap<LanguageModelV4, Promise<Guard>>();
  const guardOf = (model: LanguageModelV4): Promise<Guard> => {
    const known = guards.get(model);
    if (known) return known;
    const made = guardFor(model, options);
    guards.set(model, made);
    made.catch(() => guards.delete(model));
    return made;
  };

  return {
    specificationVersion: 'v4',

    async wrapGenerate({ doGenerate, params, model }) {
      const guard = await guardOf(model);
      const result = await doGenerate();
      const usage = usageOf(result.usage);
      const response = responseOf(result.content, result.finishReason, usage.answerTokens);
      const draft = { messages: messagesOf(params.prompt), response, usage };
      const [reviewed] = await guard.review([draft], params.abortSignal);
      const [answer] = await guard.settle([reviewed], askedOf(params));
      const accepted = answer.outcome === 'accepted';
      return {
        ...(accepted ? result : { warnings: result.warnings }),
        content: accepted ? result.content : [{ type: 'text', text: answer.response.text }],
        finishReason: settledFinish(answer, result.finishReason),
        usage: settledUsage(answer),
        providerMetadata: metadataOf(answer, policy, result.providerMetadata),
      };
    },

    async wrapStream({ doStream, params, model }) {
      const guard = await guardOf(model);
      const { stream, request } = await doStream();
      return { stream: streamOf(parts()), ...(request ? { request } : {}) };

      async function* parts(): AsyncGenerator<LanguageModelV4StreamPart, void> {
        const heads: LanguageModelV4StreamPart[] = [];
        const draft = draftOf(stream, (part) => heads.push(part));
        const texts = new TextParts();
        const events = release(draft, guard, {
          ...{ messages: messagesOf(params.prompt), asked: askedOf(params), policy },
        });
        for await (const event of events) {
          yield* heads.splice(0);
          switch (event.type) {
            case 'text':
            case 'reasoning':
              yield* texts.push({ type: event.type, text: event.text });
              break;
            case 'correction': {
              yield* texts.end();
              const { text, outcome } = event;
              const providerMetadata = { [METADATA_KEY]: { correction: true, outcome, text } };
              yield { type: 'text-start', id: 'correction', providerMetadata };
              const delta = `\n\n${CORRECTION_NOTICE}\n\n${text}`;
              yield { type: 'text-delta', id: 'correction', delta };
              yield { type: 'text-end', id: 'correction' };
              break;
            }
            case 'finish': {
              yield* texts.end();
              const { answer } = event;
              if (answer.outcome === 'accepted') yield* draft.rest.content;
              yield {
                type: 'finish',
                finishReason: settledFinish(answer, draft.rest.finishReason),
                usage: settledUsage(answer),
                providerMetadata: metadataOf(answer, policy, draft.rest.providerMetadata),
              };
            }
          }
        }
      }
    },
  };
}

async function guardFor(
  model: LanguageModelV4,
  { conscience: given, alternative: writer, policy: _, ...options }: ConscienceOptions,
): Promise<Guard> {
  const local = model instanceof LocalLanguageModel ? model : undefined;
  const judge = given ?? (local ? (await local.open()).base : model);
  const format = local && !given && !options.format ? await local.format() : undefined;
  return new Guard(asJudge(judge), {
    ...(isOfSdk(judge) ? { reading: 'text' as const } : {}),
    ...(format ? { format } : {}),
    ...options,
    ...(writer ? { alternative: asJudge(writer) } : {}),
  });
}

const isOfSdk = (model: LanguageModelV4 | LanguageModel): model is LanguageModelV4 => 'doGenerate' in model;

function asJudge(model: LanguageModelV4 | LanguageModel): LanguageModel {
  return isOfSdk(model) ? judgeOf(model) : model;
}
