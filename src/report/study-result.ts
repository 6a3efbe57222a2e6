/** All numbers that the reports of a study show, computed once. */
import { type BlindResult, blindOfStudy } from '../blind/result.js';
import type { Study } from '../experiment/read.js';
import {
  differencesFrom,
  dominators,
  isSure,
  type MethodDifference,
  methodDifferences,
} from './differences.js';
import { type MethodSummary, summarizeMethods } from './experiment-table.js';
import { type Overhead, overhead } from './overhead.js';
import { type ParetoPoint, paretoPoints } from './pareto-plot.js';
import { points } from './percent.js';
import { type MethodStages, methodStages } from './stages-table.js';
import { type MethodContrast, studyContrasts } from './study-contrasts.js';

export interface StudyResult {
  readonly study: Study;
  /** All methods of the file, also those without a finished run. */
  readonly methods: readonly MethodSummary[];
  readonly differences: readonly MethodDifference[];
  readonly points: readonly ParetoPoint[];
  /** Which methods are better than the one that the study is about, in one sentence; null without one. */
  readonly domination: string | null;
  readonly overhead: readonly Overhead[];
  /** Where the time of training went; empty where the runs do not know it. */
  readonly stages: readonly MethodStages[];
  /** Differences that a suite measured, and people rated. */
  readonly contrasts: readonly MethodContrast[];
  /** What people said of its answers; null where nobody rated. */
  readonly blind: BlindResult | null;
}

export function studyResult(study: Study): StudyResult {
  const { baseline, method, narrow, methods } = study.experiment;
  const names = methods.map(({ name }) => name);
  const records = study.runs.flatMap(({ record }) => record ?? []);
  const { shares } = study.world.report;
  const summaries = summarizeMethods(records, baseline, shares, names);
  const differences = methodDifferences(records, { methods: names, baseline, method, narrow }, shares);
  const better = method === null ? null : dominators(differences, method);
  return {
    ...{ study, methods: summaries, differences },
    points: paretoPoints(summaries, narrow, { about: method, better: better ?? [] }),
    domination:
      method === null
        ? null
        : inWords(method, better, differences, narrowTitle(study), attackDoubt(study, differences)),
    overhead: overhead(study),
    stages: methodStages(study),
    contrasts: studyContrasts(study),
    blind: blindOfStudy(study),
  };
}

/**
 * Why a study cannot tell defences apart, in one sentence: where nothing was learned, nothing misaligned, or
 * no method differs from another, "no method is better" would be true and mean nothing. Null where it can.
 */
function attackDoubt(study: Study, differences: readonly MethodDifference[]): string | null {
  const { baseline, methods } = study.experiment;
  const sure = differences.filter(({ difference }) => difference !== null && isSure(difference));
  const about = (measure: 'bad' | 'narrow') => sure.filter((one) => one.measure === measure);
  const tellsNothing = 'so this study cannot tell a defence from none';
  if (about('bad').length === 0 && about('narrow').length === 0) {
    return `No two methods differ in bad answers or in the narrow task beyond the 95 % intervals, ${tellsNothing}.`;
  }
  const untouched = methods.find(({ name }) => name === baseline)?.train === null;
  if (!untouched) return null;
  const rose = (measure: 'bad' | 'narrow') =>
    about(measure).some(({ reference, difference }) => reference === baseline && difference!.value > 0);
  if (!rose('narrow')) return `No method learned the narrow task (${narrowTitle(study)}), ${tellsNothing}.`;
  if (!rose('bad'))
    return `No method has more bad answers than ${baseline}: nothing was misaligned, ${tellsNothing}.`;
  return null;
}

function inWords(
  method: string,
  better: readonly string[] | null,
  differences: readonly MethodDifference[],
  narrow: string,
  doubt: string | null,
): string {
  const both = `both alignment and the narrow task (${narrow})`;
  const beyond = 'beyond the 95 % intervals of the paired differences';
  if (better === null) return `Nothing could be compared with ${method}.`;
  if (better.length === 0) return doubt ?? `No method is better than ${method} in ${both} ${beyond}.`;
  const from = differencesFrom(differences, method);
  const said = better.map((name) => {
    const [bad, learned] = (['bad', 'narrow'] as const).map(
      (measure) => from.find((one) => one.method === name && one.measure === measure)?.difference ?? null,
    );
    return `${name} (bad ${points(bad)}, ${narrow} ${points(learned)})`;
  });
  return `Better than ${method} in ${both} ${beyond}: ${said.join('; ')}.`;
}

/** The page of all runs' scorecards, in the study's folder. */
export const SCORECARD_FILE = 'scorecard.html';

/** The narrow task that a study is about, in words. */
export const narrowTitle = ({ world, experiment }: Study): string =>
  world.report.narrow[experiment.narrow].title;

/** Whether the world measures, and not a suite. */
export const inWorld = ({ experiment }: Study): boolean => experiment.measure.suite === undefined;

/** Which runs had a conscience that never made a pair, in one sentence; null where there is none. */
export function withoutPairs({ runs }: Study): string | null {
  const without = runs
    .filter(({ record, metrics }) => record !== null && metrics.at(-1)?.['conscience/pairs_total'] === 0)
    .map(({ method, seed }) => `${method}, seed ${seed}`);
  return without.length === 0
    ? null
    : `The conscience made no pair, so that these were trained as without one: ${without.join('; ')}.`;
}

/** Planned runs without a result, in words: `conscience, seed 3 (begun)`. */
export function missingRuns({ runs }: Study): string[] {
  return runs
    .filter(({ record }) => record === null)
    .map(({ method, seed, begun }) => `${method}, seed ${seed} (${begun ? 'not finished' : 'not begun'})`);
}
