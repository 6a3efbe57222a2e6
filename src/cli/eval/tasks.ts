/** `ealign eval tasks`: multiple-choice tasks by log-probability. */
import { type Command, InvalidArgumentError } from 'commander';
import { UserError } from '../../errors.js';
import { choiceTasks } from '../../evaluate/choice-tasks.js';
import { wholeFrom } from '../terminal/program.js';
import { addModel, addStoring, type Given, type Measuring, measure, print } from './common.js';

interface TasksOptions extends Measuring {
  task: { name: string; path: string }[];
  /** Rows of each; absent: all. */
  limit?: number;
}

export function addTasksCommand(parent: Command): void {
  const named = (text: string, before: TasksOptions['task'] = []) => {
    const [name, ...path] = text.split('=');
    if (path.length === 0 || path.join('=') === '') throw new InvalidArgumentError('Expected task=file.csv.');
    return [...before, { name, path: path.join('=') }];
  };
  const names = choiceTasks.map(({ name, summary }) => `  ${name.padEnd(24)}${summary}\n`);
  const command = parent
    .command('tasks')
    .summary('score multiple-choice tasks by log-probability')
    .description(
      'Scores ETHICS and TruthfulQA with the prompts of lm-evaluation-harness, from the CSV files that the datasets are published as. Rerun the same command to resume.',
    );
  addModel(command)
    .option('--task <name=file>', 'task and its CSV file; may be repeated', named)
    .option('--limit <n>', 'first rows of each task (default: all)', wholeFrom(1));
  addStoring(command, 'runs/tasks', 'other scores')
    .addHelpText('after', `\nTasks:\n${names.join('')}`)
    .action(({ task = [], ...options }: Given<TasksOptions>) => {
      if (task.length === 0) {
        throw new UserError({ what: 'no tasks', next: 'give --task name=file.csv; --help lists the names' });
      }
      return measure<TasksOptions>(options, { task }, async ({ json, task: tasks, ...rest }) => {
        const { evaluateChoices } = await import('../../evaluate/kinds/tasks.js');
        const { percent } = await import('../../report/percent.js');
        const { textTable } = await import('../../report/text-table.js');
        const scores = await evaluateChoices({ ...rest, tasks });
        if (scores === undefined) return;
        const lines = textTable([
          ['task', 'rows', 'score', 'by bytes'],
          ...scores.map(({ task, rows, score, normalized }) => [
            ...[task, String(rows), percent(score), percent(normalized)],
          ]),
        ]);
        print(json, { scores }, lines);
      });
    });
}
