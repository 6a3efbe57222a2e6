/**
 * A linear probe: what a model thinks of a response, read off its hidden states.
 *
 * The conscience is asked its question before it is shown the record, and the mean residual stream after one layer
 * over the response's tokens is multiplied with a direction that `ealign calibrate` found on labelled answers. A small
 * model's states tell good answers from bad ones where its words do not. Alain and Bengio 2016, arXiv:1610.01644;
 * of concepts such as honesty and harm: Zou et al. 2023, arXiv:2310.01405.
 *
 * A mean over few tokens says little. As if `priorTokens` tokens of no opinion had been read as well, what is said of a
 * response of n tokens counts n / (n + priorTokens).
 */
import type { HiddenReader, LanguageModel, MeanStates } from '../engine/language-model.js';
import { ModelError } from '../errors.js';
import type { Response, Usage } from '../values/conversation.js';
import type { ReviewFormat } from './format.js';
import type { Framework } from './frameworks.js';
import type { ReviewItem } from './review.js';

export interface Probe {
  /** After which the residual stream is read, from 0. */
  readonly layer: number;
  /** float32 [width], little-endian, in base64; its product with a state, less `centre`, is in nats of log-odds of the objection. */
  readonly direction: string;
  /** Product of the direction with a state of no opinion, nats. */
  readonly centre: number;
  /** At least 0. */
  readonly priorTokens: number;
}

/** One response under one question. */
export interface Probing {
  readonly item: ReviewItem;
  readonly framework: Framework;
  /** After which the residual stream is read, from 0. */
  readonly layers: readonly number[];
}

export interface ProbingOptions {
  readonly conscience: LanguageModel;
  readonly format: ReviewFormat;
  /** Called once for each, with what it has taken. */
  readonly onUsage?: (index: number, usage: Usage) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Mean states over each response, the question standing before the record.
 *
 * @returns of each probing, the states after its layers; null where the review is too long, or the response is empty
 * @throws ModelError when the conscience's states cannot be read
 */
export async function responseStates(
  probings: readonly Probing[],
  { conscience, format, onUsage, signal }: ProbingOptions,
): Promise<(MeanStates | null)[]> {
  const reader = readerOf(conscience);
  const layers = [...new Set(probings.flatMap((probing) => probing.layers))];
  const beyond = layers.find((layer) => layer >= reader.layers);
  if (beyond !== undefined) throw otherModel(conscience, `layer ${beyond} of ${reader.layers}`);
  const states = await reader.meanStates(
    probings.map(({ item: { prompt, response }, framework }) =>
      format.review(prompt, response, framework, 'first'),
    ),
    probings.map(({ item: { prompt, response }, framework }) =>
      format.review(prompt, twinOf(response, format.neutral), framework, 'first', response),
    ),
    layers,
    { signal, onUsage, ...(format.reviewPrefix === undefined ? {} : { prefix: format.reviewPrefix }) },
  );
  return states.map(
    (of, i) => of && { ...of, layers: probings[i].layers.map((layer) => of.layers[layers.indexOf(layer)]) },
  );
}

/** How much a mean over so many tokens counts, in (0, 1]. */
export const reliance = (tokens: number, priorTokens: number): number => tokens / (tokens + priorTokens);

/**
 * What a probe reads off the states after its layer: log-odds of the objection, without the reading's bias, nats.
 *
 * @throws ModelError when the probe is of a model of another width
 */
export function projection(
  { tokens, layers: [state] }: MeanStates,
  { direction, centre, priorTokens }: Probe,
  conscience: LanguageModel,
): number {
  const factors = decodeDirection(direction);
  if (factors.length !== state.length) {
    throw otherModel(conscience, `a direction of width ${factors.length} for states of ${state.length}`);
  }
  const product = state.reduce((sum, x, d) => sum + x * factors[d], 0);
  return reliance(tokens, priorTokens) * (product - centre);
}

/** Whether there is nothing of it that could be read. */
export const isEmpty = ({ text, reasoning = '', toolCalls = [] }: Response): boolean =>
  text.trim() === '' && reasoning.trim() === '' && toolCalls.length === 0;

/** The neutral response, or another one where that says all that the response says. */
const twinOf = ({ text }: Response, neutral: Response): Response =>
  neutral.text.includes(text.trim()) ? { ...neutral, text: '-' } : neutral;

function readerOf(conscience: LanguageModel): HiddenReader {
  if (conscience.hidden) return conscience.hidden;
  throw new ModelError({
    where: conscience.id,
    what: 'its hidden states cannot be read, as its calibration asks for',
    next: 'calibrate it as it is reached here: ealign calibrate <model>, or leave the calibration out',
  });
}

const otherModel = (conscience: LanguageModel, got: string) =>
  new ModelError({
    where: conscience.id,
    what: 'its calibration is of another model',
    ...{ got, next: 'calibrate this one: ealign calibrate <model>' },
  });

/** @returns base64 of float32, little-endian */
export function encodeDirection(direction: Float32Array): string {
  const bytes = Buffer.alloc(4 * direction.length);
  for (const [d, x] of direction.entries()) bytes.writeFloatLE(x, 4 * d);
  return bytes.toString('base64');
}

function decodeDirection(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  const direction = new Float32Array(Math.floor(bytes.length / 4));
  for (let d = 0; d < direction.length; d++) direction[d] = bytes.readFloatLE(4 * d);
  return direction;
}
