/**
 * An experiment's output folder, as a report reads it: what was planned, and what is there.
 *
 * `study.json` holds the experiment as it was last begun, resolved, and the group of each of its runs, so
 * that nothing needs to be trained, nor the file with its rows to be there, to tell what is missing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { GroupStore } from '../evaluate/store.js';
import { writeFileAtomic } from '../files/files.js';
import type { MetricRecord } from '../metrics/names.js';
import { METRICS_FILE } from '../metrics/writer.js';
import { CONFIG_FILE } from '../train/config/render.js';
import type { RunRecord } from './record.js';
import { type Experiment, readExperiment } from './spec.js';
import type { World } from './world.js';

/** One run that was planned. */
export interface PlannedRun {
  readonly method: string;
  readonly seed: number;
  /** Key of its record in `runs.jsonl`. */
  readonly group: string;
}

/** One run, with what its folder says about its training. */
export interface StudyRun extends Omit<PlannedRun, 'group'> {
  /** Null where it is not finished. */
  readonly record: RunRecord | null;
  /** Whether its training was begun. */
  readonly begun: boolean;
  /** The records of `metrics.jsonl`; none where the method is not trained. */
  readonly metrics: readonly MetricRecord[];
  /** Its resolved configuration, YAML. */
  readonly config: string | null;
}

/** An experiment, and what its folder has of it. */
export interface Study {
  readonly experiment: Experiment;
  readonly world: World;
  /** Method by method, in the file's order. */
  readonly runs: readonly StudyRun[];
}

/** Writes into the output folder which runs there will be. */
export function writePlan(experiment: Experiment, runs: readonly PlannedRun[]): void {
  writeFileAtomic(join(experiment.output, STUDY_FILE), `${JSON.stringify({ experiment, runs }, null, 2)}\n`);
}

/**
 * Reads a study from its folder.
 *
 * @param path an output folder, or an experiment's file: its folder then, with the title, text and
 *   comparisons that the file has now
 * @throws DataError where no experiment was begun; ConfigError of a file
 */
export function readStudy(path: string, world: World): Study {
  const file = isExperimentFile(path) ? readExperiment(path, world) : undefined;
  const folder = file?.output ?? path;
  const { experiment, runs } = readPlan(folder, path);
  const store = new GroupStore<RunRecord>(join(folder, 'runs.jsonl'));
  const names = experiment.methods.map(({ name }) => name);
  const known = (name: string | null) => (name !== null && names.includes(name) ? name : null);
  return {
    world,
    experiment: {
      ...experiment,
      output: folder,
      ...(file && {
        ...{ file: file.file, title: file.title, about: file.about, narrow: file.narrow },
        baseline: known(file.baseline) ?? experiment.baseline,
        ...{ method: known(file.method), overheadOver: known(file.overheadOver) },
        methods: experiment.methods.map((method) => {
          const now = file.methods.find(({ name }) => name === method.name)?.overheadOver;
          const { overheadOver: _, ...rest } = method;
          return now === undefined || known(now) === null ? rest : { ...rest, overheadOver: now };
        }),
      }),
    },
    runs: runs.map(({ method, seed, group }) => {
      const at = join(folder, runFolder({ method, seed }));
      return {
        ...{ method, seed, record: store.get(group)?.[0] ?? null },
        begun: groupIn(at) !== undefined,
        metrics: metricsOf(join(at, METRICS_FILE)),
        config: textOf(join(at, CONFIG_FILE)),
      };
    }),
  };
}

/** Whether a path is that of an experiment's file, rather than of its output folder. */
export const isExperimentFile = (path: string): boolean => /\.ya?ml$/.test(path);

/** Folder of a run, relative to the output folder. */
export const runFolder = ({ method, seed }: { method: string; seed: number }) => join(method, String(seed));

/** Folder of what a suite measured of a run, relative to the output folder. */
export const suiteFolder = (run: { method: string; seed: number }) => join(runFolder(run), 'suite');

/** File in a folder of results: everything that decides what they are. */
export const GROUP_FILE = 'group.json';

/**
 * The same until it is trained, measured and recorded.
 *
 * @param times records that the group had when the work began: with one more, the work is done
 */
export const inTraining = (group: string, times: number): string =>
  times === 0 ? `{"training":${group}}` : `{"training":${group},"records":${times}}`;

/** The group that a folder was last made from; undefined where nothing was begun. */
export const groupIn = (folder: string): string | undefined => textOf(join(folder, GROUP_FILE)) ?? undefined;

/** The file that tells an output folder of `ealign experiment`: its plan. */
export const STUDY_FILE = 'study.json';

function readPlan(folder: string, path: string): { experiment: Experiment; runs: PlannedRun[] } {
  try {
    return JSON.parse(readFileSync(join(folder, STUDY_FILE), 'utf8'));
  } catch (cause) {
    const next = 'run `ealign experiment` with its file first; what is finished is not trained again';
    throw new DataError({ where: path, what: `${folder} has no readable ${STUDY_FILE}`, next }, { cause });
  }
}

/** The experiment's file that a folder's plan was made from; undefined where there is no readable plan. */
export function plannedFile(folder: string): string | undefined {
  try {
    return readPlan(folder, folder).experiment.file;
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

const textOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : null);

/** Reads the metrics up to the first line that a kill cut short. */
function metricsOf(path: string): MetricRecord[] {
  const records: MetricRecord[] = [];
  for (const line of textOf(path)?.split('\n') ?? []) {
    try {
      records.push(JSON.parse(line));
    } catch {
      break;
    }
  }
  return records;
}
