/** `ealign dashboard`: its flags. */
import type { Command } from 'commander';
import { INTERRUPTED, Interrupted, interruptible } from './terminal/interrupt.js';
import { wholeFrom } from './terminal/program.js';

/** What the command line says about a dashboard. */
export interface DashboardFlags {
  /** 0: any free one. */
  readonly port: number;
}

/** Adds the command; `run` serves the folders until the signal. */
export function addDashboardCommand(
  program: Command,
  run: (folders: readonly string[], flags: DashboardFlags, signal: AbortSignal) => Promise<void>,
): void {
  program
    .command('dashboard')
    .summary('watch runs in the browser: curves, reviews, pairs, side by side')
    .description(
      'Serves a page, for this machine alone, that shows the runs in folders as they go, and those that have ended: losses, rewards, flags, every review and pair, the conscience’s calibration, speed and time left; several runs side by side. Nothing is changed in a run. The address that is printed carries a token.',
    )
    .argument('[folders...]', 'output folders of runs, or folders that hold some', ['runs'])
    .option('--port <n>', 'port; 0 takes a free one', wholeFrom(0, 65_535), 0)
    .action((folders: string[], flags: DashboardFlags) =>
      interruptible(
        () => {},
        (signal) => run(folders, flags, signal),
      )
        .catch((error: unknown) => {
          if (!(error instanceof Interrupted)) throw error;
        })
        .finally(() => {
          // to be stopped is how a server ends
          if (process.exitCode === INTERRUPTED) process.exitCode = 0;
        }),
    );
}
