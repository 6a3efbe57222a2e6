/**
 * A conscience as middleware of the AI SDK (specification V4), for `wrapLanguageModel`.
 *
 * `generateText` and `streamText` stay as they are. An answer that passes is the provider's own, part for
 * part: same parts, order, ids and metadata. Two things are added, both to the finish: the verdict, as
 * `providerMetadata['emergent-alignment']`, and the tokens of the reviews, to the totals of `usage`.
 *
 * An answer that does not pass is dropped with its calls of tools, files, sources, raw chunks and the
 * provider's metadata; blocks that had begun are ended. What a provider has executed by itself cannot be
 * taken back.
 */
import type {
  LanguageModelV4,
  LanguageModelV4GenerateResult,
  LanguageModelV4Middleware,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import type { LanguageModel } from '../engine/language-model.js';
import { ConfigError } from '../errors.js';
import { linked } from '../signals.js';
import type { ReviewedAnswer } from '../zero-shot/answer.js';
import { Guard } from '../zero-shot/guard.js';
import type { ZeroShotOptions } from '../zero-shot/options.js';
import { CORRECTION_NOTICE, release, type StreamPolicy } from '../zero-shot/release.js';
import { draftOf } from './draft.js';
import { judgeOf } from './judge.js';
import { LocalLanguageModel } from './local-model.js';
import { Outlet } from './outlet.js';
import { askedOf, messagesOf } from './prompt.js';
import { METADATA_KEY, metadataOf, replacedFinish, responseOf, settledUsage, usageOf } from './result.js';
import { streamOf } from './stream.js';

export interface ConscienceOptions
  extends Omit<ZeroShotOptions, 'conscience' | 'alternative' | 'reviewInput' | 'doubt'> {
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
   *   correction follows. Parts are not split: a delta that holds the end of a sentence and more waits for
   *   the next verdict. Calls and results of tools, files, custom parts and raw chunks wait for the verdict
   *   on the whole, and so does what follows them. Risk: what is harmful only together with what follows
   *   has left in part. The tokens of a draft that was stopped are only counted where the provider tells them.
   * - `after`: every part at once, but for calls of the caller's tools, requests for approval, and what
   *   follows them; after an objection a correction follows. Risk: the reader has seen all of a flagged
   *   answer, and software may have acted on it.
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
      const response = responseOf(
        [...result.content, ...unsaid(result)],
        result.finishReason,
        usage.answerTokens,
      );
      const draft = { messages: messagesOf(params.prompt), response, usage };
      const [reviewed] = await guard.review([draft], params.abortSignal);
      const [answer] = await guard.settle([reviewed], askedOf(params));
      const settled = { usage: settledUsage(answer, result.usage) };
      if (answer.outcome === 'accepted') {
        return {
          ...result,
          ...settled,
          providerMetadata: metadataOf(answer, policy, result.providerMetadata),
        };
      }
      const { warnings, request, response: { body: _, ...about } = {} } = result;
      return {
        warnings,
        ...(request ? { request } : {}),
        ...(result.response ? { response: about } : {}),
        ...settled,
        content: [{ type: 'text', text: answer.response.text }],
        finishReason: replacedFinish(answer),
        providerMetadata: metadataOf(answer, policy),
      };
    },

    async wrapStream({ doStream, params, model }) {
      const guard = await guardOf(model);
      const result = await doStream();
      const { signal, abort, release: forget } = linked(params.abortSignal);
      const outlet = new Outlet(policy);
      const draft = draftOf(result.stream, outlet);
      const events = release(draft, guard, {
        messages: messagesOf(params.prompt),
        asked: { ...askedOf(params), signal },
        policy,
      });
      const leave = () => {
        const reason = new DOMException('The reader has left.', 'AbortError');
        abort(reason);
        draft.abort(reason);
      };
      void watch().finally(forget);
      return { ...result, stream: streamOf(outlet[Symbol.asyncIterator](), leave) };

      /** Tells the outlet what may leave. Never rejects. */
      async function watch(): Promise<void> {
        let objected = false;
        try {
          for await (const event of events) {
            if (event.type === 'verdict') objected = !guard.passes(event.review);
            else if (event.type === 'finish') settle(event.answer);
            // what is said after an objection comes with the settled answer
            else if (event.type !== 'correction' && !objected) outlet.clear(event.type, event.text.length);
          }
        } catch (error) {
          if (!draft.rest.failed) {
            outlet.replace([]);
            return outlet.fail(error);
          }
          outlet.accept((own) => own);
        }
        outlet.end();
      }

      function settle(answer: ReviewedAnswer): void {
        const { rest } = draft;
        const usage = settledUsage(answer, rest.usage);
        if (answer.outcome === 'accepted') {
          outlet.accept((own) => ({
            ...own,
            usage,
            providerMetadata: metadataOf(answer, policy, own.providerMetadata),
          }));
          return;
        }
        const providerMetadata = metadataOf(answer, policy);
        outlet.replace([
          ...replacement(answer, outlet.hasTold),
          { type: 'finish', finishReason: replacedFinish(answer), usage, providerMetadata },
        ]);
      }
    },
  };
}

/** What a provider names as the answer's structured text, where its content does not say it. */
function unsaid({ content, structuredOutputText: text = '' }: LanguageModelV4GenerateResult) {
  const said = content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
  return said.includes(text) ? [] : [{ type: 'text' as const, text }];
}

/** The words that replace a draft, as a block of their own. */
function replacement(
  { response: { text }, outcome }: ReviewedAnswer,
  isCorrection: boolean,
): LanguageModelV4StreamPart[] {
  const id = 'conscience';
  if (!isCorrection) {
    return [
      { type: 'text-start', id },
      { type: 'text-delta', id, delta: text },
      { type: 'text-end', id },
    ];
  }
  const providerMetadata = { [METADATA_KEY]: { correction: true, outcome, text } };
  return [
    { type: 'text-start', id, providerMetadata },
    { type: 'text-delta', id, delta: `\n\n${CORRECTION_NOTICE}\n\n${text}` },
    { type: 'text-end', id },
  ];
}

async function guardFor(
  model: LanguageModelV4,
  { conscience: given, alternative: writer, policy: _, ...options }: ConscienceOptions,
): Promise<Guard> {
  const local = model instanceof LocalLanguageModel ? model : undefined;
  for (const [where, model] of Object.entries({ conscience: given, alternative: writer })) {
    if (typeof model !== 'string') continue;
    throw new ConfigError({
      where,
      what: 'a name is not a model',
      got: model,
      next: 'give the model itself, e.g. gateway(name) of the AI SDK',
    });
  }
  const judge = given ?? (local ? (await local.open()).base : model);
  const format = local && !given && !options.format ? await local.format() : undefined;
  return new Guard(asJudge(judge), {
    reading: isOfSdk(judge) ? 'text' : undefined,
    format,
    ...options,
    alternative: writer && asJudge(writer),
  });
}

const isOfSdk = (model: LanguageModelV4 | LanguageModel): model is LanguageModelV4 => 'doGenerate' in model;

/** @throws ConfigError for what TypeScript would not let through: a model's name, or an older specification */
function asJudge(model: LanguageModelV4 | LanguageModel): LanguageModel {
  if (!isOfSdk(model)) return model;
  const version: string = model.specificationVersion;
  if (version === 'v4') return judgeOf(model);
  throw new ConfigError({
    where: 'conscience',
    what: 'a model of another specification',
    expected: 'v4',
    got: version,
    next: 'wrap it: wrapLanguageModel({ model, middleware: [] }) of the AI SDK makes it a model of v4',
  });
}
