/** `ealign mlflow`: its arguments. */
import type { Command } from 'commander';

/** Adds the command; `run` sends the run in a folder. */
export function addMlflowCommand(program: Command, run: (folder: string) => Promise<void>): void {
  program
    .command('mlflow')
    .summary('send a run that has ended to an MLflow server')
    .description(
      'Sends a run that has ended to the server at MLFLOW_TRACKING_URI: its configuration, its metrics and how it ended, or what the server did not get while the run went on. To send as a run goes on: ealign train --report-to mlflow.',
    )
    .argument('<run>', 'output folder of a run')
    .action((folder: string) => run(folder));
}
