/** `ealign doctor`: its flags, which are those of `ealign train`. */
import type { Command } from 'commander';
import { ConfigError } from '../errors.js';
import type { FlagValues } from '../train/config/flags.js';
import { loadConfig } from '../train/config/load.js';
import type { TrainConfig } from '../train/config/schema.js';
import { addConfigFlags, refuseUnknownOptions } from './config-flags.js';

/** What the command line asks about. */
export interface DoctorCommand {
  readonly config?: TrainConfig;
  /** Whether the configuration names data. */
  readonly hasData: boolean;
  readonly url?: string;
  readonly json: boolean;
}

/** In the place of data that is not named. */
const NO_DATA = 'rows.jsonl';

/** Adds the command; `run` looks and prints. */
export function addDoctorCommand(program: Command, run: (options: DoctorCommand) => Promise<void>): void {
  const command = program
    .command('doctor')
    .summary('say which engines, devices and memory are here, and what a run would need')
    .description(
      'Says which engines can be used here, and what to do where one cannot; cores, memory and caches. With a configuration, or --model, estimates the memory of a run before anything is loaded. All flags of `ealign train` may be given; --url asks a server what it can do. Exit code 1: what was asked about is missing, or does not fit.',
    )
    .argument('[config.yaml]', 'the run that is asked about')
    .option('--json', 'the result as one JSON object, on stdout')
    .allowUnknownOption()
    .allowExcessArguments();
  const flags = addConfigFlags(command);
  command.action(async (file: string | undefined, { json = false }: { json?: boolean }) => {
    refuseUnknownOptions(command.args);
    if (command.args.length > 1)
      throw new ConfigError({ where: command.args[1], what: 'one configuration at a time' });
    await run({ ...asked(file, flags), json });
  });
}

/** What is asked about: a run, a server, or this machine alone. */
function asked(file: string | undefined, flags: FlagValues): Omit<DoctorCommand, 'json'> {
  const url = flags.get('url')?.value as string | undefined;
  if (file === undefined && !flags.has('model'))
    return { hasData: false, ...(url === undefined ? {} : { url }) };
  const hasData = file !== undefined || flags.has('data');
  const given = hasData ? flags : new Map([...flags, ['data', { flag: '--data', value: [NO_DATA] }]]);
  return { config: loadConfig(file, given), hasData };
}
