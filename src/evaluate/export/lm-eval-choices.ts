/** Multiple-choice tasks as lm-evaluation-harness writes them: `acc`, and `acc_norm` by bytes. */
import { choiceScore, type ScoredChoice } from '../choice-scores.js';
import type { ScoredTask } from '../choices-folder.js';
import { type HarnessTask, harnessFiles, metric } from './lm-eval.js';
import type { ChoicesSource } from './source.js';
import { standardError } from './standard-error.js';

const FILTER = 'none';

/** The files of the harness for scored tasks. */
export function harnessChoices({ model, tasks, times }: ChoicesSource): [name: string, content: string][] {
  return harnessFiles({ model, times, generation: null, seed: null, tasks: tasks.map(taskOf) });
}

function taskOf({ task, path, planned, rows }: ScoredTask): HarnessTask {
  const { score, normalized } = choiceScore(task, rows);
  const perByte = rows.flatMap((row) => row.normalized ?? []);
  const names = task.scoring === 'accuracy' ? ['acc', 'acc_norm'] : ['acc'];
  return {
    name: task.name,
    version: task.version,
    config: {
      ...{ output_type: 'multiple_choice', dataset_path: 'csv', dataset_kwargs: { data_files: path } },
      metric_list: names.map((name) => ({ metric: name, aggregation: 'mean', higher_is_better: true })),
    },
    higherIsBetter: Object.fromEntries(names.map((name) => [name, true])),
    metrics: {
      ...metric('acc', FILTER, score?.value ?? null, standardError(rows.map((row) => row.score))),
      ...(names.includes('acc_norm') &&
        metric('acc_norm', FILTER, normalized?.value ?? null, standardError(perByte))),
    },
    planned,
    done: rows.length,
    samples: rows.map(sampleOf),
  };
}

/** Whether a choice is what greedy decoding gives is not kept: `None`, as the harness writes no value. */
function sampleOf(row: ScoredChoice, docId: number): HarnessTask['samples'][number] {
  const { id, context, choices, right, logps, score, normalized } = row;
  return {
    docId,
    doc: { id, context, choices, right },
    target: String(right.indexOf(true)),
    arguments: choices.map((choice) => [context, choice] as const),
    resps: logps.map((logp) => [[String(logp), 'None']]),
    filter: FILTER,
    values: { acc: score, ...(normalized !== null && { acc_norm: normalized }) },
  };
}
