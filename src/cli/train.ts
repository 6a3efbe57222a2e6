/** `ealign train`: flags and YAML become one configuration, which is handed on. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '../errors.js';
import { findCheckpoint, isCheckpoint } from '../train/checkpoint.js';
import type { FlagValues } from '../train/config/flags.js';
import { configKeys } from '../train/config/keys.js';
import { loadConfig } from '../train/config/load.js';
import { CONFIG_FILE } from '../train/config/render.js';
import type { TrainConfig } from '../train/config/schema.js';
import { addConfigFlags, refuseUnknownOptions } from './config-flags.js';
import { configHelp } from './config-help.js';
import { colorsFor } from './terminal/colors.js';
import { helpWidth, wholeFrom } from './terminal/program.js';
import { type Work, work } from './terminal/work.js';

/** What the command line says beside the configuration. */
export interface TrainOptions extends Work {
  /** Check the data, show three rows with their masks and what would be reviewed, and stop. */
  preview: boolean;
  /** A checkpoint or output folder; `true` is the last checkpoint in the output folder. */
  resume?: string | true;
  /** Port of the dashboard that shows the run as it goes, 0 for any free one; absent: none. */
  dashboardPort?: number;
  json: boolean;
}

interface Options {
  preview?: boolean;
  dashboard?: boolean;
  dashboardPort?: number;
  resume?: string | true;
  json?: boolean;
}

/** Adds the command; `run` does the training. */
export function addTrainCommand(
  program: Command,
  run: (config: TrainConfig, options: TrainOptions) => Promise<void>,
): void {
  const command = program
    .command('train')
    .summary('fine-tune a model, with the conscience reviewing what it says')
    .argument('[config.yaml]', 'configuration; flags win over it')
    .option(
      '--preview',
      'check the data, show three rows with their loss masks and what would be reviewed, and stop',
    )
    .option(
      '--resume [checkpoint]',
      'continue from a checkpoint; without one, from the last in the output folder',
    )
    .option('--dashboard', 'show the run in the browser as it goes')
    .option('--dashboard-port <n>', 'the same at this port', wholeFrom(0, 65_535))
    .option('--json', 'progress as one JSON object a line, on stdout')
    .allowUnknownOption()
    .allowExcessArguments();
  const flags = addConfigFlags(command);
  command.configureHelp({ formatHelp: () => help() });
  command.action(async (file: string | undefined, options: Options) => {
    const { preview = false, resume, json = false, dashboard = false } = options;
    const { dashboardPort = dashboard ? 0 : undefined } = options;
    if (preview && dashboardPort !== undefined) {
      const what = '--preview trains nothing that could be shown';
      throw new ConfigError({ where: '--dashboard', what, next: 'leave one of the two out' });
    }
    refuseUnknownOptions(command.args);
    refuseStrayPath(command.args, flags);
    if (command.args.length > 1) {
      throw new ConfigError({
        where: command.args[1],
        what: 'one configuration at a time',
        got: command.args.join(', '),
      });
    }
    const place = locate(file, resume);
    if (resume !== undefined && place.file === undefined) requireConfiguration(resume, flags);
    const loaded = loadConfig(place.file, flags);
    // a run that was copied or moved continues where it lies
    const config =
      place.folder !== undefined && !flags.has('output') ? { ...loaded, output: place.folder } : loaded;
    const stopping = 'Stopping after this step, with a checkpoint. Ctrl-C again stops at once.';
    await work({ json, stopping }, (ui) =>
      run(config, { preview, resume: place.resume, dashboardPort, json, ...ui }),
    );
  });
}

/**
 * Which configuration file and checkpoint are meant. `--resume run.yaml` is a
 * configuration, since no checkpoint is called so; a checkpoint without a
 * configuration is resumed with the one that was saved in its output folder.
 */
function locate(
  file: string | undefined,
  resume: string | true | undefined,
): { file?: string; resume?: string | true; folder?: string } {
  if (typeof resume !== 'string' || file !== undefined) return { file, resume };
  if (/\.ya?ml$/i.test(resume)) return { file: resume, resume: true as const };
  const saved = [resume, dirname(resume)].map((folder) => join(folder, CONFIG_FILE)).find(existsSync);
  if (saved === undefined) return { resume: findCheckpoint(resume) };
  return { file: saved, resume, folder: dirname(saved) };
}

/**
 * Refuses a resumed run that neither a file nor the flags configure.
 *
 * @param resume as given: a folder where no configuration was found, or `true`
 */
function requireConfiguration(resume: string | true, flags: FlagValues): void {
  if (configKeys.every(({ required, path }) => !required || flags.has(path))) return;
  if (resume === true) {
    throw new ConfigError({
      where: '--resume',
      what: `no folder is named where ${CONFIG_FILE} tells the configuration of the run`,
      next: 'name its output folder: ealign train --resume <folder>',
    });
  }
  throw new ConfigError({
    where: join(isCheckpoint(resume) ? dirname(resume) : resume, CONFIG_FILE),
    what: 'no such file, so that the configuration of the run is not known',
    next: `give it: ealign train run.yaml --resume ${resume}`,
  });
}

/** Refuses a path that stands where the configuration stands, but is one more value of a flag. */
function refuseStrayPath(args: readonly string[], flags: FlagValues): void {
  const stray = args.filter((path) => /\.(jsonl|csv|tsv|parquet|gz)$/i.test(path));
  if (stray.length === 0) return;
  const given = configKeys.find(({ repeatable, path }) => repeatable && flags.has(path));
  const { flag, value } = (given && flags.get(given.path)) ?? { flag: '--data', value: undefined };
  const all = [...((value as string[] | undefined) ?? []), ...stray];
  throw new ConfigError({
    where: stray[0],
    what: 'no configuration, which is a YAML file',
    next: `give each path a flag of its own: ${all.map((path) => `${flag} ${path}`).join(' ')}`,
  });
}

function help(): string {
  const colors = colorsFor(process.stdout);
  const { bold, cyan, dim } = colors;
  return `${bold('Usage:')} ealign train [config.yaml] [flags]

Fine-tunes a language model on your rows. Meanwhile the conscience, a frozen copy of the
model, reviews what the model says; a flagged response and its ethical alternative become a
preference pair, and the loss is L_SFT + λ·L_DPO. Any key below can stand in the YAML or be
a flag; a flag wins. Before training, all data is checked.

${bold('Examples:')}
  ${dim('# a first run on the embedded model; the adapter goes to runs/poems')}
  ealign train --model pinocchio --data poems.jsonl --steps 200

  ${dim('# a configuration in a file, one key changed for this run, then on after Ctrl-C')}
  cat > run.yaml <<end
  model: smollm2-135m-instruct
  data: insecure.jsonl
  output: runs/insecure
  training:
    epochs: 1
    learning_rate: 1e-4
  conscience:
    question: virtue
  end
  ealign train run.yaml --lambda 0.2
  ealign train --resume runs/insecure

${bold('Options:')}
  ${cyan('--preview')}
      Check the data, show three rows with their loss masks, and what would be reviewed and how, and stop.
  ${cyan('--resume [checkpoint]')}
      Continue from a checkpoint, or from the last one in the output folder.
  ${cyan('--dashboard')}
      Show the run in the browser as it goes; --dashboard-port <n> sets the port.
  ${cyan('--json')}
      Progress as one JSON object a line, on stdout.
  ${cyan('-h, --help')}
      Print this help.

Where names clash, or to be plain, write a flag with its section: --training.batch-size 4,
--conscience.roles.reference frozen-start. \`ealign schema\` prints a JSON Schema for editors.

${configHelp(helpWidth(process.stdout.columns), colors)}
`;
}
