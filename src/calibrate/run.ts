/** What `ealign calibrate` does: opens the model, measures, and writes what was found. */
import type { Calibration } from '../conscience/calibration.js';
import { defaultFormat, type ReviewFormat } from '../conscience/format.js';
import { FRAMEWORKS, type Framework, type FrameworkName } from '../conscience/frameworks.js';
import type { ReadingChoice } from '../conscience/reading.js';
import { wordingsOf } from '../conscience/wordings.js';
import type { LanguageModel } from '../engine/language-model.js';
import { ModelError } from '../errors.js';
import type { Progress } from '../metrics/progress.js';
import { formatOf } from '../open/actor.js';
import {
  calibrationFolder,
  calibrationPath,
  requestedCalibration,
  saveCalibration,
} from '../open/calibration.js';
import { type NamedOptions, openNamed } from '../open/named.js';
import {
  type AnswerPair,
  builtInPairs,
  pairsOfAnswers,
  pairsOfFiles,
  sampleOf,
  type Unpaired,
} from './answers.js';
import { type Calibrated, calibrate, testCalibration } from './calibrate.js';
import type { Measuring } from './measuring.js';
import { pairsFor } from './sample-size.js';

export interface CalibrateRun extends Pick<NamedOptions, 'adapter' | 'threads' | 'quantize'>, Unpaired {
  /** Folder, .gguf file, alias, id or endpoint. */
  readonly model: string;
  /** Preference datasets; without these, and without answers that are not in pairs: the built-in set. */
  readonly data: readonly string[];
  readonly framework: readonly FrameworkName[];
  /** Half the width of the AUC's 95 % interval. */
  readonly interval: number;
  /** Pairs; absent: as many as the interval needs. */
  readonly count?: number;
  readonly falseAlarms: number;
  readonly reading: ReadingChoice;
  readonly test: boolean;
  /** File of the calibration; absent: in the cache. */
  readonly output?: string;
  readonly seed: number;
  /** Make all reviews anew. */
  readonly overwrite?: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** A calibration, and where it lies. */
export interface CalibrateResult extends Partial<Pick<Calibrated, 'screened' | 'other'>> {
  readonly calibration: Calibration;
  readonly path: string;
}

/**
 * @returns undefined when the signal stopped it
 * @throws UserError when the model cannot be opened, a dataset cannot be read, or, with `test`, nothing is calibrated
 */
export async function runCalibrate(options: CalibrateRun): Promise<CalibrateResult | undefined> {
  const { model: name, adapter, threads, quantize, progress, test } = options;
  const named = namesOf(options);
  const note = (line: string) => progress.note(line);
  const { pairs, probePairs } = await pairsOf(options);
  const opened = await openNamed(name, {
    ...{ adapter, threads, quantize, onWarning: note, hooks: { onNotice: note } },
  });
  try {
    const { open } = opened;
    const own = open !== undefined && adapter === undefined;
    const conscience: LanguageModel = own ? open.base : opened.model;
    const hash = own ? open.baseHash : opened.hash;
    const format = open ? await formatOf(name, open) : defaultFormat();
    const path = options.output ?? calibrationPath(hash);
    const measuring: Measuring = {
      ...options,
      ...{ model: { name: opened.name, hash }, conscience, format, pairs },
      dataName: named === '' ? `built-in, ${test ? 'test' : 'calibration'} split` : named,
      folder: options.output === undefined ? calibrationFolder(hash) : `${options.output}.reviews`,
    };
    if (test) {
      const found = await requestedCalibration(name, hash, options.output ?? 'auto');
      if (!found) throw notCalibrated(name);
      if (found.ofAnother) note(`Warning: ${found.sentence}`);
      const calibration = await testCalibration(found, measuring);
      return calibration && { calibration, path: found.path };
    }
    const calibrated = await calibrate({
      ...{ ...measuring, probePairs, reading: options.reading },
      wordings: wordingsFor(format, options.framework),
    });
    if (!calibrated) return undefined;
    saveCalibration(path, calibrated.calibration);
    return { ...calibrated, path };
  } finally {
    await opened.close();
  }
}

/** Pairs that a probe is fitted on: it has more to learn than a threshold. */
const PROBE_PAIRS = 200;

interface Pairs {
  readonly pairs: AnswerPair[];
  readonly probePairs: AnswerPair[];
}

/** The files of one's own answers. */
const namesOf = ({ data, accept, object, ethics }: CalibrateRun): string =>
  [...data, ...accept, ...object, ...ethics].join(', ');

async function pairsOf(options: CalibrateRun): Promise<Pairs> {
  const { data, accept, object, ethics, test, count, interval, seed, falseAlarms, progress } = options;
  const note = (line: string) => progress.note(line);
  const unpaired = [accept, object, ethics].some((files) => files.length > 0);
  const own = [
    ...(data.length > 0 ? await pairsOfFiles(data, note) : []),
    ...(unpaired ? await pairsOfAnswers({ accept, object, ethics }, seed, note) : []),
  ];
  const all = own.length > 0 ? own : builtInPairs(test ? 'test' : 'calibration');
  // four of five folds have to be enough for the rate
  const forRate = test ? 0 : Math.ceil(1.25 / falseAlarms);
  const wanted = count ?? Math.max(pairsFor(interval), forRate);
  if (all.length < wanted)
    note(`There are ${all.length} pairs where ${wanted} would be needed for what was asked.`);
  const taken = Math.min(wanted, all.length);
  if (taken < forRate) {
    note(
      `With ${taken} pairs a careful answer may be flagged in up to ${(100 / (taken + 1)).toFixed(0)} % of cases, whatever --false-alarms says; ${forRate} are enough.`,
    );
  }
  return {
    pairs: sampleOf(all, wanted, seed),
    probePairs: sampleOf(all, count ?? Math.max(wanted, PROBE_PAIRS), seed),
  };
}

/** The wordings that a model knows: a format with words of its own has one for each of its questions. */
function wordingsFor(format: ReviewFormat, names: readonly FrameworkName[]): Framework[] {
  const { frameworks } = format;
  if (frameworks === undefined) return names.flatMap(wordingsOf);
  const known = names.filter((name) => frameworks.includes(name));
  // the format says which questions it has words for
  return (known.length > 0 ? known : names).map((name) => format.adapt(FRAMEWORKS[name]));
}

const notCalibrated = (name: string) =>
  new ModelError({ where: name, what: 'is not calibrated', next: `run: ealign calibrate ${name}` });
