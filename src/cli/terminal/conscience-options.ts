/** The flags by which a conscience is set that stands before a model. */
import { type Command, Option } from 'commander';
import { ALTERNATIVES, type AlternativeManner } from '../../conscience/alternative.js';
import { FRAMEWORK_NAMES, FRAMEWORKS, type FrameworkName } from '../../conscience/frameworks.js';
import type { PriorKind } from '../../conscience/reading.js';
import type { OwnConscienceOptions } from '../../zero-shot/opened-reading.js';
import { numberFrom } from './program.js';

/** What the command line says about the conscience; absent: as it is calibrated, or the default. */
export interface ConscienceFlags {
  question?: FrameworkName;
  threshold?: number;
  doubt?: number;
  prior?: PriorKind;
  /** `auto`, `off` or a file. */
  calibration?: string;
  alternatives?: AlternativeManner;
  /** Review the request, too, before anything is drafted. */
  reviewInput?: boolean;
}

/** For commands that answer: the flags of the conscience, and what becomes of what it objects to. */
export function addAnsweringOptions(command: Command): Command {
  return addConscienceOptions(command)
    .addOption(
      new Option(
        '--alternatives <manner>',
        'rewrite shows the first answer to its author; anew answers the request again under a system turn that asks for care; base answers it again as it is (default: rewrite)',
      ).choices(ALTERNATIVES),
    )
    .option(
      '--doubt <number>',
      'objection’s share, below the threshold, from which on an alternative is taken where the conscience clearly prefers it, as long as nothing has been shown; 1: never (default: 0.5 where it is calibrated, else 1)',
      numberFrom(0, 1),
    )
    .option(
      '--review-input',
      'review the request as well, before anything is drafted, by a question that is not calibrated',
    );
}

/** For commands that review. */
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
  doubt,
  prior,
  calibration,
  alternatives,
  reviewInput,
}: ConscienceFlags): OwnConscienceOptions {
  return {
    ...(question === undefined ? {} : { framework: FRAMEWORKS[question] }),
    ...(threshold === undefined ? {} : { threshold }),
    ...(doubt === undefined ? {} : { doubt }),
    ...(prior === undefined ? {} : { prior }),
    ...(calibration === undefined ? {} : { calibration }),
    ...(alternatives === undefined ? {} : { manner: alternatives }),
    ...(reviewInput ? { reviewInput } : {}),
  };
}
