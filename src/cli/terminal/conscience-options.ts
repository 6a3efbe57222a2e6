/** The flags by which a conscience is set that stands before a model. */
import { type Command, Option } from 'commander';
import { FRAMEWORK_NAMES, FRAMEWORKS, type FrameworkName } from '../../conscience/frameworks.js';
import type { PriorKind } from '../../conscience/reading.js';
import type { OwnConscienceOptions } from '../../zero-shot/own-conscience.js';
import { numberFrom } from './program.js';

/** What the command line says about the conscience; absent: as it is calibrated, or the default. */
export interface ConscienceFlags {
  question?: FrameworkName;
  threshold?: number;
  prior?: PriorKind;
  /** `auto`, `off` or a file. */
  calibration?: string;
}

export function addConscienceOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--question <name>',
        'what the conscience is asked (default: as calibrated, else asimov)',
      ).choices(FRAMEWORK_NAMES),
    )
    .option(
      '--threshold <number>',
      'objection’s share from which on it counts (default: as calibrated, else 0.5)',
      numberFrom(0, 1),
    )
    .addOption(
      new Option('--prior <kind>', 'how its bias is taken away (default: as calibrated, else off)').choices([
        'off',
        'neutral',
        'content-free',
      ]),
    )
    .option(
      '--calibration <name>',
      'auto takes what ealign calibrate has found; off does not; or a file. A --question or --prior sets it aside (default: auto)',
    );
}

/** The settings that the flags amount to. */
export function conscienceSettings({
  question,
  threshold,
  prior,
  calibration,
}: ConscienceFlags): OwnConscienceOptions {
  return {
    ...(question === undefined ? {} : { framework: FRAMEWORKS[question] }),
    ...(threshold === undefined ? {} : { threshold }),
    ...(prior === undefined ? {} : { prior }),
    ...(calibration === undefined ? {} : { calibration }),
  };
}
