/**
 * Logs of Inspect, the evaluation framework of the UK AI Security Institute: one JSON file a log, of
 * `EvalLog` version 2, which `inspect view` shows and `inspect_ai.log.read_eval_log` reads.
 *
 * What is the same for all logs stands here. Fields that are null or empty are left out, as Inspect
 * does; what we do not know, such as tokens of prompts or versions of packages, is left out where the
 * format lets us, and named in the log's metadata where it wants a number.
 */
import { createHash } from 'node:crypto';
import type { Estimate } from '../../statistics/intervals.js';
import type { Message } from '../../values/conversation.js';
import type { Times } from './source.js';

/** One score of one sample. */
export interface InspectScore {
  /** A number or a word; NaN where there is none, which Inspect's own metrics pass over. */
  readonly value: number | string;
  readonly answer?: string;
  readonly explanation?: string;
  /** Why there is no number: Inspect's `ScoreReason`, or a word of our own. */
  readonly reason?: 'refusal' | 'grader_failed' | 'scoring_failed' | 'not_coherent';
  readonly metadata?: object;
}

/** One sample of a log: what was asked, what came out, how it was scored. */
export interface InspectSample {
  readonly id: string | number;
  /** Epoch, from 1. */
  readonly epoch: number;
  readonly input: string | readonly Message[];
  readonly choices?: readonly string[];
  readonly target: string | readonly string[];
  readonly messages: readonly object[];
  readonly output: object;
  readonly scores: Readonly<Record<string, InspectScore>>;
  readonly metadata: object;
  /** Output tokens. */
  readonly tokens?: number;
}

/** A score over all samples. */
export interface InspectResult {
  readonly name: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly metadata?: object;
}

/** What tells one log from another. */
export interface InspectLog {
  readonly finished: boolean;
  readonly times: Times;
  readonly task: string;
  readonly model: { readonly name: string; readonly hash: string | null };
  readonly dataset: { readonly name: string; readonly location?: string };
  /** Most epochs that a sample has. */
  readonly epochs: number;
  /** Temperature and tokens; nothing is sampled where it is absent. */
  readonly config?: { readonly temperature: number; readonly max_tokens: number };
  /** Samples times epochs, finished or not. */
  readonly planned: number;
  readonly samples: readonly InspectSample[];
  readonly results: readonly InspectResult[];
  readonly metadata: object;
}

/** @returns name and content of the file; the same for the same log */
export function inspectFile(log: InspectLog): [name: string, content: string] {
  const { task, times, samples } = log;
  const created = isoTime(times.started);
  const taskId = shortId('task', task, log.model, log.metadata);
  const runId = shortId('run', taskId, created);
  const evalId = shortId('eval', runId, times.completed);
  const used = usage(samples.reduce((sum, { tokens = 0 }) => sum + tokens, 0));
  const document = {
    version: 2,
    status: log.finished ? 'success' : 'started',
    eval: {
      ...{ eval_id: evalId, run_id: runId, created, task, task_id: taskId, task_version: 0 },
      dataset: {
        ...log.dataset,
        samples: new Set(samples.map(({ id }) => id)).size,
        sample_ids: [...new Set(samples.map(({ id }) => id))],
        shuffled: false,
      },
      model: log.model.name,
      model_generate_config: log.config ?? {},
      config: { epochs: log.epochs },
      metadata: { model_hash: log.model.hash, ...log.metadata },
      scorers: log.results.map(({ name, metrics }) => ({
        name,
        metrics: Object.keys(metrics).map((metric) => ({ name: metric })),
      })),
    },
    plan: {
      name: 'plan',
      steps: [{ solver: log.config ? 'generate' : 'loglikelihood', params: {} }],
      config: log.config ?? {},
    },
    results: {
      total_samples: log.planned,
      completed_samples: samples.filter(({ scores }) => Object.keys(scores).length > 0).length,
      scores: log.results.map((result) => resultOf(result, samples)),
    },
    stats: {
      started_at: created,
      completed_at: log.finished ? isoTime(times.completed) : '',
      ...(log.config && { model_usage: { [log.model.name]: used } }),
    },
    samples: samples.map(({ tokens, ...sample }) => ({
      ...sample,
      ...(tokens !== undefined && { model_usage: { [log.model.name]: usage(tokens) } }),
      uuid: shortId('sample', evalId, sample.id, sample.epoch),
    })),
  };
  return [`${[created, task, taskId].map(fileNamePart).join('_')}.json`, jsonWithNaN(document)];
}

/** Mean, standard error and the ends of the 95 % interval; nothing where there is no mean. */
export function metricsOf(
  estimate: Estimate | null | undefined,
  stderr: number | null,
  name: 'mean' | 'accuracy' = 'mean',
): Record<string, number> {
  if (!estimate) return {};
  const { value, low, high } = estimate;
  return { [name]: value, ...(stderr !== null && { stderr }), ci95_low: low, ci95_high: high };
}

/** Input tokens are not kept; Inspect's field of them is a number. */
export function usage(outputTokens: number) {
  return { input_tokens: 0, output_tokens: outputTokens, total_tokens: outputTokens };
}

function resultOf({ name, metrics, metadata }: InspectResult, samples: readonly InspectSample[]) {
  const values = samples.flatMap(({ scores }) => scores[name] ?? []).map(({ value }) => value);
  const unscored = values.filter(Number.isNaN).length;
  return {
    ...{
      name,
      scorer: name,
      scored_samples: values.length - unscored,
      unscored_samples: unscored,
      params: {},
    },
    metrics: Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, { name: key, value }])),
    ...(metadata && { metadata }),
  };
}

/** A time in UTC, to the second, as in the names of Inspect's files. */
function isoTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}+00:00`;
}

/** `inspect_ai._util.file.clean_filename_component`. */
function fileNamePart(text: string): string {
  return text.replace(/[_/:+]/g, '-');
}

/** 22 characters of shortuuid's alphabet, as Inspect's own identifiers, but from what is identified. */
function shortId(...parts: readonly unknown[]): string {
  const alphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  let rest = BigInt(`0x${digest.slice(0, 32)}`);
  let id = '';
  for (let i = 0; i < 22; i++, rest /= 57n) id += alphabet[Number(rest % 57n)];
  return id;
}

/**
 * JSON in which a `value` may be NaN, as Python writes and reads it.
 *
 * The stand-in cannot be mistaken: a quote inside a string is escaped.
 */
function jsonWithNaN(document: object): string {
  const standIn = '\u0000NaN';
  const text = JSON.stringify(
    document,
    (key, value) => (key === 'value' && Number.isNaN(value) ? standIn : value),
    2,
  );
  return `${text.replaceAll(`"value": ${JSON.stringify(standIn)}`, '"value": NaN')}\n`;
}
