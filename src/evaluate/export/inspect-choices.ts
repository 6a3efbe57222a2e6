/**
 * A multiple-choice task as a log of Inspect: `choice` is correct or incorrect by the likeliest choice,
 * `choice_per_byte` by the likeliest per byte; `probability_of_right` is a number.
 */
import { choiceScore, likeliest, perByte, type ScoredChoice } from '../choice-scores.js';
import type { ScoredTask } from '../choices-folder.js';
import {
  type InspectResult,
  type InspectSample,
  type InspectScore,
  inspectFile,
  metricsOf,
} from './inspect.js';
import type { ChoicesSource } from './source.js';
import { standardError } from './standard-error.js';

/** The log of one scored task. */
export function inspectChoices(scored: ScoredTask, source: ChoicesSource): [name: string, content: string] {
  const { task, path, planned, rows } = scored;
  return inspectFile({
    finished: rows.length === planned,
    times: source.times,
    task: task.name,
    model: source.model,
    dataset: { name: task.name, location: path },
    epochs: 1,
    planned,
    samples: rows.map((row, i) => sampleOf(row, i, scored, source)),
    results: resultsOf(scored),
    metadata: {
      ...{ prompt: `lm-evaluation-harness, version ${task.version} of ${task.name}`, scoring: task.scoring },
    },
  });
}

function sampleOf(
  row: ScoredChoice,
  index: number,
  { task }: ScoredTask,
  { model }: ChoicesSource,
): InspectSample {
  const { id, context, logps, right } = row;
  const choices = row.choices.map((choice) => choice.trimStart());
  const completion = choices[likeliest(logps)];
  const message = { role: 'assistant', content: completion, model: model.name };
  return {
    ...{ id: index + 1, epoch: 1, input: context, choices },
    target: right.flatMap((isRight, c) => (isRight ? [letter(c)] : [])),
    messages: [{ role: 'user', content: context }, message],
    output: { model: model.name, choices: [{ message, stop_reason: 'unknown' }], completion },
    scores: task.scoring === 'accuracy' ? letters(row) : { probability_of_right: { value: row.score } },
    metadata: { row: id, logps },
  };
}

function letters(row: ScoredChoice): Record<string, InspectScore> {
  const { logps, score, normalized } = row;
  const scoreOf = (value: number, values: readonly number[]): InspectScore => ({
    value: value === 1 ? 'C' : 'I',
    answer: letter(likeliest(values)),
  });
  return {
    choice: scoreOf(score, logps),
    ...(normalized !== null && { choice_per_byte: scoreOf(normalized, perByte(logps, row)) }),
  };
}

function resultsOf({ task, rows }: ScoredTask): InspectResult[] {
  const { score, normalized } = choiceScore(task, rows);
  const error = standardError(rows.map((row) => row.score));
  if (task.scoring === 'mass') return [{ name: 'probability_of_right', metrics: metricsOf(score, error) }];
  const perByteError = standardError(rows.flatMap((row) => row.normalized ?? []));
  return [
    { name: 'choice', metrics: metricsOf(score, error, 'accuracy') },
    { name: 'choice_per_byte', metrics: metricsOf(normalized, perByteError, 'accuracy') },
  ];
}

/** Inspect's name of a choice: A to Z, then 1, 2, … */
function letter(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : String(index - 25);
}
