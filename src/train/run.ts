/**
 * From a plan to a trained adapter or model. Nothing is written before the last check has passed.
 */
import { dirname, resolve } from 'node:path';
import type { Calibration } from '../conscience/calibration.js';
import { SETS } from '../conscience/roles.js';
import { lossTerms } from '../defences/index.js';
import { openWeights, steerable } from '../engine/capabilities.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { removeLeftovers } from '../files/leftovers.js';
import { CostMeter, STAGE_WORDS } from '../metrics/costs.js';
import { type Progress, silent } from '../metrics/progress.js';
import { readMetrics } from '../metrics/writer.js';
import { isKnown } from '../model/config.js';
import type { OpenActor } from '../open/actor.js';
import { calibrationOfRun } from './calibration.js';
import {
  type Checkpoint,
  isCheckpoint,
  loadLastCheckpoint,
  requireReplaceable,
  requireUnused,
} from './checkpoint.js';
import type { TrainConfig } from './config/schema.js';
import { watchFirstReviews } from './conscience-check.js';
import { hostedCostLine, hostedTokens } from './hosted-cost.js';
import { openOthers, openPairs } from './open-pairs.js';
import { type OpenReviewThread, openReviewThread, trainingThreads } from './open-review-thread.js';
import { outcomeOf } from './outcome.js';
import { RunOutput } from './output.js';
import type { PairSource } from './pairs.js';
import { batchesOf, type PlanOptions, planTrain, type TrainPlan } from './plan.js';
import { hasResult, readResult, removeResult, saveResult } from './result.js';
import type { ReviewThread } from './reviews-beside.js';
import { settingsOf } from './settings.js';
import { engineOf } from './trained-model.js';
import { Trainer, type TrainingResult } from './trainer.js';

export interface RunOptions extends PlanOptions {
  /** A checkpoint or output folder to continue from; `true` is the output folder of the configuration. */
  readonly resume?: string | true;
  /** Stops the run after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/** A run that has ended: finished, or stopped with a checkpoint. */
export interface RunResult extends TrainingResult {
  /** Folder of the adapter or model, metrics, audit and checkpoints. */
  readonly output: string;
  /** The engine, still open, with the trained parameters; the caller closes it. */
  readonly engine: TrainingEngine;
}

/**
 * Trains as a configuration, or a plan of `planTrain`, says.
 *
 * @returns the run, with its engine open: close it
 * @throws UserError for whatever is wrong with configuration, data, model, checkpoint or disk
 */
export async function runTrain(given: TrainConfig | TrainPlan, options: RunOptions = {}): Promise<RunResult> {
  const { progress = silent } = options;
  const start = await startOf('config' in given ? given.config : given, options.resume, progress);
  const plan = 'config' in given ? given : await planTrain(given, options);
  if (plan.config.engine === 'tinker') {
    progress.note(hostedCostLine(await hostedTokens(plan), plan.config.prices));
  }
  progress.phase?.('opening the engine');
  const engine = await engineOf(plan, trainingThreads(plan.config), (line) => progress.note(line));
  const output = new RunOutput(plan, (line) => progress.note(line));
  const training: Training = { plan, engine, start, progress, output };
  let others: Awaited<ReturnType<typeof openOthers>> = new Map();
  let thread: OpenReviewThread | undefined;
  try {
    const { conscience } = plan.config;
    progress.phase?.('preparing reviews');
    others = await openOthers(plan.config);
    const calibration = await calibrationOfRun(plan, {
      ...{ others, note: (line: string) => progress.note(line) },
      ...(start.checkpoint ? { continued: dirname(start.checkpoint.folder) } : {}),
    });
    if (conscience.enabled && conscience.lag > 0) thread = await openReviewThread(plan, calibration);
    const { trainer, pairs } = await openTrainer(training, { others, calibration, thread });
    if (start.own && hasResult(plan.config.output, plan.modelPath)) {
      if (!isCheckpoint(options.resume)) return await finishedBefore(training, calibration);
      progress.note(`The run had finished. It is trained again from ${start.checkpoint!.folder}.`);
      removeResult(plan.config.output, plan.modelPath);
    }
    output.begin(start.own ? start.checkpoint!.state.step : undefined, calibration);
    const result = await trainer.run(options.signal);
    await end(training, result, pairs?.total ?? 0, calibration);
    return { ...result, output: plan.config.output, engine };
  } catch (error) {
    // it may hold a process, or memory of a server
    await engine.close();
    await output.report('FAILED');
    throw error;
  } finally {
    await thread?.close();
    for (const { model } of others.values()) await model.close();
  }
}

/** What a run works with, from its start to its end. */
interface Training {
  readonly plan: TrainPlan;
  readonly engine: TrainingEngine;
  readonly start: Start;
  readonly output: RunOutput;
  readonly progress: Progress;
}

/** What judges beside the model that is trained. */
interface Judging {
  readonly others: ReadonlyMap<string, OpenActor>;
  readonly calibration?: Calibration;
  readonly thread?: ReviewThread;
}

/** Where a run starts. */
interface Start {
  /** Absent: at its first step. */
  readonly checkpoint?: Checkpoint;
  /** Whether the checkpoint is one of the output folder itself, so that its files are continued. */
  readonly own: boolean;
}

async function startOf(
  { output, overwrite }: TrainConfig,
  resume: RunOptions['resume'],
  progress: Progress,
): Promise<Start> {
  const place = resume === true ? output : resume;
  const checkpoint = place ? await loadLastCheckpoint(place, (line) => progress.note(line)) : undefined;
  const own = checkpoint !== undefined && resolve(dirname(checkpoint.folder)) === resolve(output);
  if (!own) (overwrite ? requireReplaceable : requireUnused)(output);
  return { checkpoint, own };
}

/** The trainer, at the step where the run starts, with everything checked that it reads. */
async function openTrainer(
  { plan, engine, start, output, progress }: Training,
  { others, calibration, thread }: Judging,
): Promise<{ trainer: Trainer; pairs?: PairSource }> {
  const { config, rows, schedule, model } = plan;
  const { training, loss, conscience } = config;
  const note = (line: string) => progress.note(line);
  const { steering = [], ...terms } = await lossTerms(config, { engine, probes: plan.probes });
  if (steering.length > 0) await steerable(engine).steer('training', steering);
  const watch = watchFirstReviews(note);
  const meter = new CostMeter(undefined, (stage) => progress.phase?.(STAGE_WORDS[stage]));
  const pairs = await openPairs(plan, {
    engine,
    others,
    meter,
    ...(calibration ? { calibration } : {}),
    ...(thread ? { thread } : {}),
    note,
    resumed: start.checkpoint !== undefined,
    onReviews: (records) => {
      watch(records);
      output.writeReviews(records);
    },
  });
  const trainer = new Trainer({
    engine,
    evaluationRows: rows.evaluation,
    stream: batchesOf(config, rows),
    pairs,
    meter,
    loss: { lambda: loss.lambda, beta: loss.beta, ...terms, reference: SETS[conscience.roles.reference] },
    schedule,
    maxGradNorm: training.max_grad_norm,
    logEvery: training.log_every,
    evalEvery: training.eval_every,
    saveEvery: training.save_every,
    renewEvery: conscience.enabled ? conscience.renew_every : 0,
    earlyStop: { validations: training.early_stop, threshold: training.early_stop_threshold },
    modelHash: model.hash,
    settings: settingsOf(
      plan,
      [...others].map(([name, other]) => [name, other.model.hash]),
    ),
    progress,
    onMetrics: (step, values) => output.writeMetrics(step, values),
    onSave: (state) => output.saveCheckpoint(state, engine),
  });
  if (start.checkpoint) await trainer.restore(start.checkpoint);
  return { trainer, pairs };
}

/** The run as it ended earlier, with the tensors that it saved. */
async function finishedBefore(
  { plan, engine, start, progress }: Training,
  calibration?: Calibration,
): Promise<RunResult> {
  const { output } = plan.config;
  removeLeftovers(output);
  if (isKnown(plan.model.config)) {
    const trained = await readResult(output, plan.model, plan.lora !== undefined);
    await openWeights(engine).replace('policy', trained);
  }
  const last = readMetrics(output).at(-1);
  const step = last?.step ?? start.checkpoint!.state.step;
  const summary = `${output} has finished: ${step} steps are trained and saved there. Nothing was left to do.`;
  const untouched = last?.['conscience/pairs_total'] === 0;
  progress.done(summary, untouched ? outcomeOf(plan.config, 0, calibration).warning : undefined);
  return { finished: true, step, output, engine };
}

/** Saves what was trained, where it was trained to the end, and says how the run ended. */
async function end(
  { plan, engine, output: files, progress }: Training,
  result: TrainingResult,
  pairs: number,
  calibration?: Calibration,
): Promise<void> {
  const { config, lora } = plan;
  const { output } = config;
  if (!result.finished) {
    await files.report('KILLED');
    progress.done(`Stopped after step ${result.step}. To continue: ealign train --resume ${output}`);
    return;
  }
  await saveResult(output, engine, plan, { step: result.step, metrics: output });
  await files.report('FINISHED');
  const { notes, warning } = outcomeOf(config, pairs, calibration);
  for (const line of notes) progress.note(line);
  const steps = `${result.step} ${result.step === 1 ? 'step' : 'steps'}`;
  progress.done(`Trained ${steps}; ${lora ? 'adapter' : 'model'} saved in ${output}`, warning);
}
