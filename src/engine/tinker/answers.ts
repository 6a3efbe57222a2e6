/** A copy of the model as sampling sessions show it: responses, and how likely it finds labels and continuations. */

import { ConfigError } from '../../errors.js';
import { Random } from '../../random.js';
import type { ChatTokenizer } from '../../tokenizer/tokenizer.js';
import type { Response } from '../../values/conversation.js';
import type { TokenRow } from '../../values/rows.js';
import { type ChoiceRow, depth } from '../choices.js';
import type { GenerateOptions } from '../language-model.js';
import { requireLength } from '../prompt-length.js';
import { type PromptAnswerer, PromptWriter } from '../prompt-writer.js';
import { type Prompt, ResponseText } from '../response-text.js';
import { Scorer } from '../scorer.js';
import type { EngineModel } from '../training-engine.js';
import type { Sampler } from './sampler.js';

export interface AnswersOptions {
  /** Name in the audit trail. */
  readonly id: string;
  readonly tokenizer: ChatTokenizer;
  readonly maxLength: number;
  /** The sampling session, on the weights as they are now. */
  sampler(): Promise<Sampler>;
  /** Summed log-probabilities of rows' targets by a forward pass, nats. */
  forward(rows: readonly TokenRow[]): Promise<number[]>;
  /** How this server tells log-probabilities of given tokens; shared by all copies. */
  readonly scoring: ScoringWay;
}

/**
 * How log-probabilities are asked for: those of given tokens in one request (`target`), those of the prompt's own
 * tokens, one request a choice (`prompt`), or by the trainer (`forward`). The first that the server answers.
 */
export interface ScoringWay {
  way: 'target' | 'prompt' | 'forward';
}

export function answersOf(options: AnswersOptions): EngineModel {
  const { id, tokenizer, maxLength } = options;
  const answerer = answererOf(options);
  const writer = new PromptWriter({ id, tokenizer, maxLength, answerer });
  const scorer = new Scorer({ tokenizer, maxLength, choiceLogps: (rows) => choiceLogps(rows, options) });
  return {
    id,
    async generate(conversations, asked) {
      for (const what of ['format', 'logprobs'] as const) {
        if (asked[what] === undefined) continue;
        const next = 'leave it out, or use an engine on this machine';
        throw new ConfigError({ where: id, what: `a sampling session takes no ${what}`, next });
      }
      return writer.generate(conversations, asked);
    },
    labelLogps: (conversations, labels, asked) => scorer.labelLogps(conversations, labels, asked),
    continuationLogps: (rows) => scorer.continuationLogps(rows),
    answerProbabilities: (conversations, answers) => scorer.answerProbabilities(conversations, answers),
  };
}

/** What draws responses. A row's seed is of the call's seed and its index, so that it depends on nothing beside it. */
export function answererOf({
  tokenizer,
  sampler,
}: Pick<AnswersOptions, 'tokenizer' | 'sampler'>): PromptAnswerer {
  return {
    async generate(prompts, options) {
      const session = await sampler();
      const drawn = prompts.map(async (prompt) => {
        const response = await drawOne(prompt, session, tokenizer, options);
        return [prompt.index, response] as const;
      });
      return new Map(await Promise.all(drawn));
    },
  };
}

const NOTHING: Response = { text: '', finish: 'length', tokens: 0 };

async function drawOne(
  prompt: Prompt,
  session: Sampler,
  tokenizer: ChatTokenizer,
  options: GenerateOptions,
): Promise<Response> {
  const { temperature = 1, topP = 1, topK = 0, seed = 0, signal } = options;
  if (signal?.aborted) return NOTHING;
  const text = new ResponseText(tokenizer, prompt, options);
  const drawing = {
    ...{ maxTokens: prompt.limit, temperature, topP, topK },
    // as large as servers take it: a signed 32-bit integer
    seed: Math.floor(new Random(seed, 'sample', prompt.index).next() * 2 ** 31),
  };
  try {
    const { tokens, stopReason } = await session.sample(prompt.tokens, drawing, tokenizer.eosIds, signal);
    for (const token of tokens) if (!text.finished) text.push(token);
    return text.response(stopReason === 'stop');
  } catch (error) {
    // an aborted call has what there is of its responses: nothing
    if (signal?.aborted) return NOTHING;
    throw error;
  }
}

async function choiceLogps(rows: readonly ChoiceRow[], options: AnswersOptions): Promise<number[][]> {
  for (const row of rows) requireLength(depth(row), options.maxLength);
  const { scoring } = options;
  if (scoring.way === 'forward') return byForward(rows, options);
  const session = await options.sampler();
  const logps: number[][] = [];
  // the first tells whether the server can: not all of them need be asked in vain
  for (const group of [rows.slice(0, 1), rows.slice(1)]) {
    const found = await Promise.all(group.map((row) => sampledLogps(row, session, scoring)));
    if (found.some((each) => each === undefined)) return byForward(rows, options);
    logps.push(...(found as number[][]));
  }
  return logps;
}

/** [choice]; undefined where the server gives no log-probabilities of prompts. */
async function sampledLogps(
  row: ChoiceRow,
  session: Sampler,
  scoring: ScoringWay,
): Promise<number[] | undefined> {
  if (scoring.way === 'target') {
    const found = await byTargets(row, session);
    if (found) return found;
    scoring.way = 'prompt';
  }
  const sums = row.choices.map(async (choice) => {
    if (choice.length === 0) return 0;
    const logps = await session.promptLogprobs([...row.context, ...choice]);
    return logps?.subarray(row.context.length).reduce((sum, logp) => sum + logp, 0);
  });
  const found = await Promise.all(sums);
  if (found.every((sum) => sum !== undefined)) return found as number[];
  scoring.way = 'forward';
  return undefined;
}

/**
 * Choices that share all but their last token are scored together: one request a beginning, a column a choice.
 */
async function byTargets({ context, choices }: ChoiceRow, session: Sampler): Promise<number[] | undefined> {
  const sums = choices.map(() => 0);
  const groups = new Map<string, { choice: readonly number[]; c: number }[]>();
  for (const [c, choice] of choices.entries()) {
    const key = choice.slice(0, -1).join();
    if (choice.length > 0) groups.set(key, [...(groups.get(key) ?? []), { choice, c }]);
  }
  const asked = [...groups.values()].map(async (group) => {
    const begun = group[0].choice.slice(0, -1);
    const tokens = [...context, ...begun, group[0].choice.at(-1)!];
    const columns = group.length;
    const wanted = tokens.slice(1).map((_, i) => {
      const at = i + 1 - context.length;
      if (at === begun.length) return group.map(({ choice }) => choice.at(-1)!);
      return Array.from({ length: columns }, (__, k) => (at >= 0 && k === 0 ? begun[at] : -1));
    });
    const logps = await session.targetLogprobs(tokens, wanted);
    if (!logps) return false;
    const first = (context.length - 1) * columns;
    let shared = 0;
    for (let t = 0; t < begun.length; t++) shared += logps[first + t * columns];
    for (const [k, { c }] of group.entries()) sums[c] = shared + logps[first + begun.length * columns + k];
    return true;
  });
  return (await Promise.all(asked)).every(Boolean) ? sums : undefined;
}

async function byForward(rows: readonly ChoiceRow[], { forward }: AnswersOptions): Promise<number[][]> {
  const asked = rows.flatMap(({ context, choices }) => choices.map((choice) => ({ context, choice })));
  const sums = await forward(
    asked.map(({ context, choice }) => ({
      ids: Int32Array.from([...context, ...choice]),
      lossMask: Uint8Array.from({ length: context.length + choice.length }, (_, t) =>
        Number(t >= context.length),
      ),
      where: 'a choice',
    })),
  );
  let next = 0;
  return rows.map(({ choices }) => choices.map(() => sums[next++]));
}
