/** Scored multiple-choice tasks for other tools. */
import { choicesCsv } from '../csv.js';
import type { Exportable, ExportedFile, ExportFormat } from './formats.js';
import { inspectChoices } from './inspect-choices.js';
import { harnessChoices } from './lm-eval-choices.js';
import { type ChoicesSource, choicesSource } from './source.js';

/** What an output folder of `ealign eval tasks` gives. @throws DataError where the folder is damaged */
export function exportChoices(folder: string): Exportable {
  const source = choicesSource(folder);
  return {
    model: source.model.name,
    notes: source.tasks
      .filter(({ rows, planned }) => rows.length < planned)
      .map(
        ({ task, rows, planned }) =>
          `not finished: ${planned - rows.length} of ${planned} rows of ${task.name} lack a score`,
      ),
    files: (to) => filesOf(source, to),
  };
}

function filesOf(source: ChoicesSource, to: ExportFormat): readonly ExportedFile[] {
  if (to === 'inspect') return source.tasks.map((task) => inspectChoices(task, source));
  if (to === 'lm-eval') return harnessChoices(source);
  return source.tasks.map(({ task, rows }) => [`${task.name}.csv`, choicesCsv(task.name, rows)]);
}
