/**
 * Results and samples as EleutherAI's lm-evaluation-harness 0.4.13 writes them: in a folder named by
 * the model, `results_<time>.json` and one `samples_<task>_<time>.jsonl` a task.
 *
 * What is the same for all tasks stands here. What we do not know is null.
 */
import { createHash } from 'node:crypto';
import type { Times } from './source.js';

/** One line of a samples file. */
export interface HarnessSample {
  readonly doc: object;
  readonly target: string;
  /** Per request: the prompt, and what is scored or how is sampled. */
  readonly arguments: readonly (readonly [prompt: string, what: unknown])[];
  /** Per request: each response. */
  readonly resps: readonly (readonly unknown[])[];
  readonly filter: string;
  readonly values: Readonly<Record<string, number | null>>;
}

/** One task, as the harness reports it. */
export interface HarnessTask {
  readonly name: string;
  readonly version: number;
  readonly config: object;
  readonly higherIsBetter: Readonly<Record<string, boolean>>;
  /** Values by `metric,filter`. */
  readonly metrics: Readonly<Record<string, number | string | null>>;
  /** Documents to be scored, and scored ones. */
  readonly planned: number;
  readonly done: number;
  readonly samples: readonly (HarnessSample & { readonly docId: number })[];
}

/** One run of the harness: a model, and its tasks. */
export interface HarnessRun {
  readonly model: { readonly name: string; readonly hash: string | null };
  readonly times: Times;
  readonly generation: object | null;
  readonly seed: number | null;
  readonly tasks: readonly HarnessTask[];
}

/** The harness's key of a metric. */
const keyOf = (metric: string, filter: string, stderr = false) =>
  `${metric}${stderr ? '_stderr' : ''},${filter}`;

/** Value and standard error of a metric; the harness writes N/A for an error that there is none of. */
export function metric(name: string, filter: string, value: number | null, stderr: number | null) {
  return { [keyOf(name, filter)]: value, [keyOf(name, filter, true)]: stderr ?? 'N/A' };
}

/** Name of the folder: `lm_eval.utils.sanitize_model_name`. */
export const folderOf = (model: string) => model.replace(/["<>:/|\\?*[\]]+/g, '__');

/** @returns names and contents of the files; the same for the same run */
export function harnessFiles({ model, times, generation, seed, tasks }: HarnessRun): [string, string][] {
  const time = new Date(times.started).toISOString().replace('Z', '000').replaceAll(':', '-');
  const lines = tasks.map(({ name, samples }) => ({ name, lines: samples.map(lineOf) }));
  const byTask = <T>(of: (task: HarnessTask) => T) =>
    Object.fromEntries(tasks.map((task) => [task.name, of(task)]));
  const results = {
    results: byTask(({ name, done, metrics }) => ({ name, alias: name, sample_len: done, ...metrics })),
    group_subtasks: byTask(() => []),
    configs: byTask(({ name, version, config }) => ({
      task: name,
      num_fewshot: 0,
      ...config,
      metadata: { version },
    })),
    versions: byTask(({ version }) => version),
    'n-shot': byTask(() => 0),
    higher_is_better: byTask(({ higherIsBetter }) => higherIsBetter),
    'n-samples': byTask(({ planned, done }) => ({ original: planned, effective: done })),
    config: {
      ...{ model: 'emergent-alignment', model_args: { pretrained: model.name, sha256: model.hash } },
      ...{
        batch_size: null,
        batch_sizes: [],
        device: 'cpu',
        use_cache: null,
        limit: null,
        bootstrap_iters: 0,
      },
      ...{ gen_kwargs: generation, random_seed: seed },
    },
    git_hash: null,
    date: times.started / 1000,
    task_hashes: Object.fromEntries(
      lines.map(({ name, lines: own }) => [
        name,
        hash(
          own.map(({ doc_hash, prompt_hash, target_hash }) => doc_hash + prompt_hash + target_hash).join(''),
        ),
      ]),
    ),
    ...{
      model_source: 'emergent-alignment',
      model_name: model.name,
      model_name_sanitized: folderOf(model.name),
    },
    ...{ system_instruction: null, system_instruction_sha: null, fewshot_as_multiturn: null },
    ...{ chat_template: null, chat_template_sha: null, total_evaluation_time_seconds: null },
  };
  return [
    [`results_${time}.json`, `${JSON.stringify(results, null, 2)}\n`],
    ...lines.map(({ name, lines: own }): [string, string] => [
      `samples_${name}_${time}.jsonl`,
      own.map((line) => `${JSON.stringify(line)}\n`).join(''),
    ]),
  ];
}

function lineOf({
  docId,
  doc,
  target,
  arguments: requests,
  resps,
  filter,
  values,
}: HarnessTask['samples'][number]) {
  return {
    ...{ doc_id: docId, doc, target },
    arguments: Object.fromEntries(
      requests.map(([prompt, what], i) => [`gen_args_${i}`, { arg_0: prompt, arg_1: what }]),
    ),
    resps,
    filtered_resps: resps.map(([first]) => first),
    filter,
    metrics: Object.keys(values),
    doc_hash: hash(JSON.stringify(doc, null, 2)),
    prompt_hash: hash(requests[0][0]),
    target_hash: hash(target),
    ...values,
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
