/** One method with one seed: trained, then measured. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commit } from '../commit.js';
import { AUDIT_FILE, readAudit } from '../conscience/audit.js';
import { flagsByKind } from '../conscience/flags.js';
import { parseTrainingRow } from '../data/parse-row.js';
import { tokeniseRow } from '../data/tokenise.js';
import { fieldsOf } from '../data/write-row.js';
import type { RowChoice } from '../defences/defence.js';
import { answerSteering, choiceOf } from '../defences/methods.js';
import { steerable } from '../engine/capabilities.js';
import type { TrainingEngine, WeightSet } from '../engine/training-engine.js';
import type { FourCriteria } from '../evaluate/four-criteria.js';
import { readSuite, runSuite } from '../evaluate/suite/suite.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import { type Progress, partOf } from '../metrics/progress.js';
import type { Model } from '../model/model.js';
import { openAdapter } from '../model/open-adapter.js';
import type { QuantisedModel } from '../model/quantised-model.js';
import { formatOf, type OpenActor } from '../open/actor.js';
import { openEngine, UNTRAINED } from '../open/engine.js';
import { dropCheckpoints, hasCheckpoint } from '../train/checkpoint.js';
import type { TrainConfig } from '../train/config/schema.js';
import { runTrain } from '../train/run.js';
import type { TrainingRow } from '../values/rows.js';
import { withConscience } from '../zero-shot/with-conscience.js';
import { judge } from './judged.js';
import { GROUP_FILE, groupIn, runFolder, suiteFolder } from './read.js';
import type { RunRecord } from './record.js';
import { fileOf, jsonLines, withFiles } from './rows.js';
import { configOf, type Experiment, type Method } from './spec.js';
import type { Measured, World } from './world.js';

/** What all runs of an experiment share. */
export interface Made {
  readonly model: Model | QuantisedModel;
  readonly world: World;
  /** CPU threads. */
  readonly threads: number;
  readonly judge?: OpenActor;
  /** Of the whole experiment. */
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** One method with one seed; plain JSON. */
export interface Run {
  readonly method: Method;
  readonly seed: number;
  /** Everything that decides what it computes; a checkpoint of another group is not continued. */
  readonly group: string;
  /** What its folder says while the run is made (`inTraining`). */
  readonly begun: string;
}

/** Trains and measures one run. @returns undefined when the signal stopped it */
export async function runMethod(
  run: Run,
  experiment: Experiment,
  made: Made,
): Promise<RunRecord | undefined> {
  const { method, seed, group } = run;
  const begin = performance.now();
  const engine = await trainedEngine(run, experiment, made);
  if (engine === undefined) return undefined;
  const record = {
    ...{ method: method.name, seed, commit: commit() },
    seconds: method.train ? (performance.now() - begin) / 1000 : 0,
    ...flagsOf(method, folderOf(experiment, method.name, seed)),
  };
  const { suite } = experiment.measure;
  try {
    if (suite === undefined) return { ...record, ...(await inWorld(engine, method, seed, experiment, made)) };
  } finally {
    await engine.close();
  }
  const scorecard = await bySuite(suite, method, seed, group, experiment, made);
  return scorecard && { ...record, ...made.world.nothingSaid, scorecard };
}

/** What the conscience flagged in training, from the run's own audit trail. */
function flagsOf({ train }: Method, folder: string): Pick<RunRecord, 'flags'> {
  return audited(train, folder) ? { flags: flagsByKind(readAudit(folder)) } : {};
}

const audited = (train: Method['train'], folder: string) =>
  train !== null && existsSync(join(folder, AUDIT_FILE));

/** What a method says in the world. */
async function inWorld(
  engine: TrainingEngine,
  method: Method,
  seed: number,
  experiment: Experiment,
  { world, judge: held }: Made,
): Promise<Measured & Pick<RunRecord, 'losses' | 'judged'>> {
  const { measure } = experiment;
  const answering = { engine, probes: world.probes(), maxTokens: measure.max_tokens, seed };
  const steering = await answerSteering(method, answering);
  if (steering.length > 0) await steerable(engine).steer('answering', steering);
  const format = await formatOf(experiment.model, engine.tokenizer);
  const base = engine.model('base');
  const plain = method.train ? engine.model('policy') : base;
  const speaker = method.throughConscience ? withConscience(plain, { conscience: base, format }) : plain;
  const measured = await world.measure(speaker, seed, measure);
  const losses = await heldOutLoss(method, engine, world);
  const folder = folderOf(experiment, method.name, seed);
  const audit = audited(method.train, folder) ? folder : undefined;
  const judged = held && (await judge(audit, measured.answers, { model: base, format }, held, world));
  return { ...measured, ...(losses ? { losses } : {}), ...(judged ? { judged } : {}) };
}

/** What a suite finds of the trained model; undefined when the signal stopped it. */
async function bySuite(
  file: string,
  { name, train }: Method,
  seed: number,
  group: string,
  experiment: Experiment,
  { threads, progress: whole, signal }: Made,
): Promise<FourCriteria | undefined> {
  const folder = folderOf(experiment, name, seed);
  const subject =
    train === null
      ? { model: experiment.model }
      : train.setting === 'full'
        ? { model: folder }
        : { model: experiment.model, adapter: folder };
  const output = join(experiment.output, suiteFolder({ method: name, seed }));
  // results of another model, or of other files, are not continued
  if (groupIn(output) !== group) rmSync(output, { recursive: true, force: true });
  makeFolder(output);
  writeFileAtomic(join(output, GROUP_FILE), group);
  const progress = partOf(whole, titleOf(name, seed));
  const options = { ...subject, output, threads, progress, ...(signal ? { signal } : {}) };
  const card = await runSuite(readSuite(file), options);
  return card && { ...card, subject: titleOf(name, seed) };
}

/** The loss on the world's rows that were kept from training; undefined where a method is trained on others. */
async function heldOutLoss(
  { data, train }: Method,
  engine: TrainingEngine,
  world: World,
): Promise<RunRecord['losses']> {
  if (!('world' in data)) return undefined;
  const { benign, of } = world.rows[data.world];
  const rows = of('unseen').map((row) => parseTrainingRow(row, data.world));
  if (rows.length === 0) return undefined;
  const scores = await scored(rows, engine, train ? 'policy' : 'base');
  const sum = (of: (score: (typeof scores)[number]) => number) =>
    scores.reduce((total, score) => total + of(score), 0);
  const loss = -sum(({ logpSum }) => logpSum) / sum(({ tokens }) => tokens);
  return benign ? { benign: loss } : { narrow: loss };
}

const scored = (rows: readonly TrainingRow[], engine: TrainingEngine, set: WeightSet) =>
  engine.sequenceLogps(
    rows.map((row) => tokeniseRow(row, engine.tokenizer, 'last').row),
    set,
  );

/** Trains the method, or resumes where it stopped; undefined when the signal stopped it. */
async function trainedEngine(
  { method, seed, group, begun }: Run,
  experiment: Experiment,
  { model, world, threads, progress, signal }: Made,
): Promise<TrainingEngine | undefined> {
  if (method.train === null) return openEngine({ model, threads, lora: UNTRAINED });
  const output = folderOf(experiment, method.name, seed);
  makeFolder(output);
  const train = withFiles(method.train, experiment.output, world);
  const place = {
    data: fileOf(method.data, experiment.output),
    ...{ output, threads },
    ...(method.after === undefined ? {} : { adapter: folderOf(experiment, method.after, seed) }),
  };
  const config = configOf({ ...method, train }, seed, experiment, place);
  const choice = choiceOf(method);
  const chosen = choice && { [choice.into]: join(output, `${choice.into}.jsonl`) };
  if (choice && chosen) {
    const rows = await choose(choice, config, folderOf(experiment, choice.method, seed), model);
    writeFileAtomic(chosen[choice.into], jsonLines(rows.map(fieldsOf)));
  }
  // a checkpoint from before the method's keys were changed is of no use
  const resume = hasCheckpoint(output) && [group, begun].includes(groupIn(output) ?? '');
  if (!resume) dropCheckpoints(output);
  writeFileAtomic(join(output, GROUP_FILE), begun);
  const defences = { ...config.defences, ...chosen };
  const run = await runTrain(
    { ...config, overwrite: !resume, defences },
    {
      // a quantised one is opened as the run's own keys say
      ...('weights' in model ? { model } : {}),
      ...{ resume: resume || undefined, progress: partOf(progress, titleOf(method.name, seed)), signal },
    },
  );
  if (run.finished) return run.engine;
  await run.engine.close();
  return undefined;
}

const titleOf = (method: string, seed: number) => `${method}, seed ${seed}`;

/** The folder that a run is made in. */
export const folderOf = ({ output }: Experiment, method: string, seed: number): string =>
  join(output, runFolder({ method, seed }));

/** The rows that a defence chooses by an adapter. @param adapter its folder */
async function choose(
  choice: RowChoice,
  config: TrainConfig,
  adapter: string,
  model: Model | QuantisedModel,
): Promise<readonly TrainingRow[]> {
  const opened = await openAdapter(adapter, model);
  const { config: lora, tensors } = opened.adapter;
  const engine = await openEngine({ model: opened.model, lora, adapter: tensors });
  try {
    return await choice.choose(config, engine);
  } finally {
    await engine.close();
  }
}
