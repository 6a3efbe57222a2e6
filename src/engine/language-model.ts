/**
 * A language model seen from the conscience: conversations in, text and label
 * probabilities out.
 *
 * Implemented by the onnxruntime engine, by remote endpoints and by scripted models
 * in tests. Nothing here knows tensors.
 */
import type { Message, Response, Tool, ToolChoice, Usage } from '../values/conversation.js';
import type { JsonFormat } from './json-grammar.js';

/** How to sample. Defaults are the field's: temperature 1, top-p 1, top-k off. */
export interface GenerateOptions {
  /** Upper limit of generated tokens per response. */
  readonly maxTokens: number;
  /** 0 is greedy. Default 1. */
  readonly temperature?: number;
  /** Nucleus mass in (0, 1]. Default 1. */
  readonly topP?: number;
  /** Keep the k most likely tokens; 0 keeps all. Default 0. */
  readonly topK?: number;
  /** Seed of the sampler. Row i of a batch draws from its own stream of (seed, i). Default 0. */
  readonly seed?: number;
  /** Strings that end a response (not included in it), beside the model's stop tokens. */
  readonly stop?: readonly string[];
  /** Text that the response is made to begin with; it is part of the returned text. */
  readonly prefix?: string;
  /** Tools that the model may call. Default: none. */
  readonly tools?: readonly Tool[];
  /** Default `auto`. */
  readonly toolChoice?: ToolChoice;
  /**
   * JSON that the answer has to be, apart from its reasoning. Models that cannot hold to it throw a ConfigError.
   * Not together with `tools`.
   */
  readonly format?: JsonFormat;
  /**
   * Asks for `logprobs` of the response, with so many of the likeliest tokens beside each, from 0: of the model's
   * own distribution, before temperature, nucleus and format. Models that cannot tell throw an error.
   */
  readonly logprobs?: number;
  /** Called with each new piece of text of response `index`. */
  readonly onText?: (index: number, piece: string) => void;
  /** Called once for each response, with what it has taken. */
  readonly onUsage?: (index: number, usage: Usage) => void;
  /**
   * What becomes of a conversation that leaves no room for an answer: an error, or an empty response
   * that is not finished. Default `error`.
   */
  readonly tooLong?: 'error' | 'empty';
  /** Aborts between tokens. */
  readonly signal?: AbortSignal;
}

export interface LabelOptions {
  /** Text that the assistant's turn already begins with. */
  readonly prefix?: string;
  /** Called once for each conversation, with what it has taken. */
  readonly onUsage?: (index: number, usage: Usage) => void;
  readonly signal?: AbortSignal;
}

/** A model that answers conversations. */
export interface Writer {
  /** Name in the audit trail, e.g. `frozen-base`. */
  readonly id: string;
  /** One response per conversation, in order. Conversations may differ in length. */
  generate(conversations: readonly (readonly Message[])[], options: GenerateOptions): Promise<Response[]>;
}

/** What a model's hidden states can be asked for. */
export interface HiddenReader {
  /** Number of its layers. */
  readonly layers: number;
  /**
   * The mean residual stream over the tokens in which each conversation differs from its twin: of a review, over
   * the response, where the twin is the same review of another response.
   *
   * @param twins  one for each conversation
   * @param layers after which the stream is read, from 0
   * @returns      null for a conversation that is too long for the model, or that has nothing that its twin lacks
   */
  meanStates(
    conversations: readonly (readonly Message[])[],
    twins: readonly (readonly Message[])[],
    layers: readonly number[],
    options?: LabelOptions,
  ): Promise<(MeanStates | null)[]>;
}

/** The mean residual stream over a stretch of tokens. */
export interface MeanStates {
  /** Length of the stretch: at least one. */
  readonly tokens: number;
  /** [layer] float32 [width]. */
  readonly layers: readonly Float32Array[];
}

/** A model that answers conversations, and judges by the probabilities of labels. */
export interface LanguageModel extends Writer {
  /** Absent: its hidden states cannot be read. */
  readonly hidden?: HiddenReader;
  /**
   * Log-probability, in nats, that the next assistant turn begins with each label (the sum over the
   * label's tokens, as they follow the conversation); NaN for one that is too long for the model.
   *
   * @returns [conversation][label]
   */
  labelLogps(
    conversations: readonly (readonly Message[])[],
    labels: readonly string[],
    options?: LabelOptions,
  ): Promise<number[][]>;
}

/** A model whose probabilities of whole answers can be read. */
export interface AnswerReader {
  /** Name in records, e.g. `frozen-base`. */
  readonly id: string;
  /**
   * Probability that the next assistant turn begins with each answer. Where `5` and `50` are both
   * answers, `5` does not hold the probability of `50`, whether the tokenizer splits digits or not.
   *
   * @returns [conversation][answer]; null for a conversation that is too long for the model
   */
  answerProbabilities(
    conversations: readonly (readonly Message[])[],
    answers: readonly string[],
  ): Promise<(number[] | null)[]>;
}

/** A model that scores plain text. */
export interface ContinuationScorer {
  /**
   * Summed log-probability, in nats, of each continuation after its context, without a chat template.
   * Context and continuation are tokenised together; the continuation's tokens are those beyond as
   * many as the context has alone, as in EleutherAI's lm-evaluation-harness.
   *
   * @returns [row][continuation]
   */
  continuationLogps(
    rows: readonly { readonly context: string; readonly continuations: readonly string[] }[],
  ): Promise<number[][]>;
}
