/**
 * `ealign train`: from a configuration to a trained adapter, with everything checked before
 * the first step.
 */
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AUDIT_FILE, AuditWriter, readAudit } from '../conscience/audit.js';
import { resolveFramework } from '../conscience/frameworks.js';
import { withoutPairs } from '../conscience/no-pairs.js';
import { loadFormat } from '../conscience/plain-format.js';
import { builtInProbes, PROBES_FILE } from '../conscience/probes.js';
import type { ReviewRecord } from '../conscience/record.js';
import type { ReviewSettings } from '../conscience/review.js';
import { type Actor, isFrozen, otherModels, resolveRoles, SETS } from '../conscience/roles.js';
import {
  needsMoreThanTurns,
  promptOf,
  readPreferenceRows,
  readPrompts,
  readTrainingRows,
} from '../data/dataset.js';
import { describePreferences, type TokenPair, tokenisePreferences } from '../data/preferences.js';
import { preview } from '../data/preview.js';
import { splitRows } from '../data/split.js';
import { describeReport, tokeniseRows } from '../data/tokenise.js';
import { openWeights, steerable } from '../engine/capabilities.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { ConfigError, DataError, ModelError, UserError } from '../errors.js';
import { claimFolder } from '../files/claim.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import { removeLeftovers } from '../files/leftovers.js';
import { resolveModel } from '../hub/pull.js';
import { type Progress, silent } from '../metrics/progress.js';
import { MetricsWriter, readMetrics } from '../metrics/writer.js';
import type { Adapter } from '../model/adapter-files.js';
import { initialWeights } from '../model/initial-weights.js';
import type { Model } from '../model/model.js';
import { openAdapter } from '../model/open-adapter.js';
import { loadModel } from '../model/weights.js';
import { type OpenActor, openActor } from '../open/actor.js';
import { openEngine, requireEngine } from '../open/engine.js';
import { trusting } from '../tokenizer/control-tokens.js';
import type { Prompt } from '../values/conversation.js';
import type { TokenRow, TrainingRow } from '../values/rows.js';
import { BatchStream } from './batch-stream.js';
import { passedBy } from './cadence.js';
import {
  dropCheckpoints,
  isCheckpoint,
  loadLastCheckpoint,
  pruneCheckpoints,
  requireUnused,
  type Settings,
  saveCheckpoint,
} from './checkpoint.js';
import { configKeys, valueAt } from './config/keys.js';
import { CONFIG_FILE, renderConfig } from './config/render.js';
import type { TrainConfig } from './config/schema.js';
import { requireConscience, watchFirstReviews } from './conscience-check.js';
import { inoculated, interleaved, preventiveSteering } from './defences.js';
import { PairSource } from './pairs.js';
import { hasResult, readResult, removeResult, saveResult } from './result.js';
import type { ScheduleConfig } from './schedule.js';
import { targetsFor, trainedLora } from './trained-lora.js';
import { Trainer, type TrainingResult } from './trainer.js';

export interface RunOptions {
  /** Check the data, show three rows and both answers of a pair with their masks, and stop. */
  readonly preview?: boolean;
  /** A checkpoint or output folder; `true` is the output folder of the configuration. */
  readonly resume?: string | true;
  /** Default: none is shown. */
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Where the preview goes. Default: standard output. */
  readonly print?: (text: string) => void;
  /** A model that is loaded already, instead of the configuration's. */
  readonly model?: Model;
}

/** What training left behind. */
export interface RunResult extends TrainingResult {
  readonly output: string;
  /** The engine, still open, with the trained parameters; the caller closes it. */
  readonly engine: TrainingEngine;
}

/**
 * Runs a configuration. Nothing is written before all input has been checked.
 *
 * @returns undefined after a preview
 * @throws UserError for whatever is wrong with configuration, data, model, checkpoint or disk
 */
export async function runTrain(given: TrainConfig, options: RunOptions = {}): Promise<RunResult | undefined> {
  const { progress = silent } = options;
  const checkpoint = options.resume
    ? await loadLastCheckpoint(options.resume === true ? given.output : options.resume, (line) =>
        progress.note(line),
      )
    : undefined;
  const { output } = given;
  const own = checkpoint !== undefined && resolve(dirname(checkpoint.folder)) === resolve(output);
  if (!own && !given.overwrite && !options.preview) requireUnused(output);
  await requireEngine({ device: given.device });
  const unread: string[] = [];
  const data = await readData(given, (line) => {
    unread.push(line);
    progress.note(line);
  });
  const path = await resolveModel(given.model);
  const loaded = options.model ?? (await loadModel(path));
  const base =
    given.init === 'random' ? { ...loaded, weights: initialWeights(loaded.config, given.seed) } : loaded;
  const onWarning = (line: string) => progress.note(`Warning: ${line}`);
  const { adapter, model } =
    given.adapter === undefined
      ? { adapter: undefined, model: base }
      : await openAdapter(given.adapter, base, { name: given.model, onWarning });
  const config = fitted(given, model, adapter, progress);
  const lora = config.setting === 'lora' ? (adapter?.config ?? trainedLora(config, model.config)) : undefined;
  const rows = await tokeniseData(config, data, model, progress);
  if (options.preview) {
    (options.print ?? ((text) => process.stdout.write(`${text}\n`)))(
      [rows.train, rows.pairs.slice(0, 1).flatMap(({ chosen, rejected }) => [chosen, rejected])]
        .filter((shown) => shown.length > 0)
        .map((shown) => preview(shown, model.tokenizer))
        .join('\n'),
    );
    return undefined;
  }

  const { training } = config;
  const engine = await openEngine({
    ...{ model, device: config.device, threads: config.threads },
    ...(lora ? { lora } : {}),
    ...(adapter ? { adapter: adapter.tensors, baseTokenizer: base.tokenizer } : {}),
    ...(training.checkpointing === 'auto' ? {} : { checkpointing: training.checkpointing }),
    seed: config.seed,
    optimizer: {
      beta1: training.adam_beta1,
      beta2: training.adam_beta2,
      eps: training.adam_eps,
      weightDecay: training.weight_decay,
    },
  });
  const stream = new BatchStream(rows.train, {
    batching: training.batching,
    batchSize: training.batch_size,
    accumulation: training.gradient_accumulation,
    maxLength: training.max_length,
    seed: config.seed,
  });
  const schedule: ScheduleConfig = {
    schedule: training.schedule,
    learningRate: training.learning_rate,
    warmupSteps: training.warmup_steps,
    totalSteps: training.steps ?? stream.countSteps(training.epochs!),
  };
  const pools = await promptPools(config, data, path, model, progress);
  const steering = await preventiveSteering(config, engine, await probesOf(data, path));
  if (steering.length > 0) await steerable(engine).steer('training', steering);
  const others = await openOthers(config);
  const watch = watchFirstReviews((line) => progress.note(line));
  const pairs = await pairSource(
    config,
    engine,
    rows.pairs,
    pools,
    schedule,
    others,
    path,
    progress,
    (records) => {
      watch(records);
      audit?.append(records);
    },
    checkpoint !== undefined,
  );
  const trainer = new Trainer({
    engine,
    evaluationRows: rows.evaluation,
    stream,
    ...(pairs ? { pairs } : {}),
    loss: { ...config.loss, reference: SETS[config.conscience.roles.reference] },
    schedule,
    maxGradNorm: training.max_grad_norm,
    logEvery: training.log_every,
    evalEvery: training.eval_every,
    saveEvery: training.save_every,
    renewEvery: config.conscience.enabled ? config.conscience.renew_every : 0,
    earlyStop: { validations: training.early_stop, threshold: training.early_stop_threshold },
    modelHash: model.hash,
    settings: {
      ...settingsOf(config),
      'validation rows': digest(rows.evaluation),
      'preference rows': digest(rows.pairs),
      'prompts to review': digest(pools),
      ...(others.size > 0
        ? { 'other models': digest([...others].map(([name, { model }]) => [name, model.hash])) }
        : {}),
      'adapter weights': adapter
        ? digest([...adapter.tensors].map(([name, { data }]) => [name, data]))
        : null,
    },
    progress,
    onMetrics: (step, values) => metrics.write(step, values),
    onSave: async (state) => {
      audit?.sync();
      const folder = await saveCheckpoint(output, state, engine);
      pruneCheckpoints(output, training.keep_checkpoints);
      return folder;
    },
  });
  if (checkpoint) await trainer.restore(checkpoint);
  if (own && hasResult(output, path)) {
    if (!isCheckpoint(options.resume)) {
      removeLeftovers(output);
      const trained = await readResult(output, model, lora !== undefined);
      await openWeights(engine).replace('policy', trained);
      for (const { model: other } of others.values()) await other.close();
      const step = readMetrics(output).at(-1)?.step ?? checkpoint.state.step;
      progress.done(
        `${output} has finished: ${step} steps are trained and saved there. Nothing was left to do.`,
      );
      return { finished: true, step, output, engine };
    }
    progress.note(`The run had finished. It is trained again from ${checkpoint.folder}.`);
    removeResult(output, path);
  }
  // Everything has been checked: from here on files are written.
  makeFolder(output);
  claimFolder(output);
  if (own) {
    dropCheckpoints(output, checkpoint.state.step);
    // a kill may have come between the saving of one and the deleting of another
    pruneCheckpoints(output, training.keep_checkpoints);
  } else clearRun(output, path);
  writeFileAtomic(
    join(output, CONFIG_FILE),
    renderConfig(config, {
      model_sha256: model.hash,
      ...(unread.length > 0 ? { data: unread.join(' ') } : {}),
    }),
  );
  const resumed = own ? checkpoint.state.step : undefined;
  const metrics = new MetricsWriter(output, resumed);
  // a review of step S comes before step S + 1 is made, so that a checkpoint at S does not hold it
  const audit = config.conscience.enabled
    ? new AuditWriter(output, resumed === undefined ? undefined : resumed - 1)
    : undefined;
  const result = await trainer.run(options.signal);
  for (const { model: other } of others.values()) await other.close();
  if (result.finished) {
    await saveResult(output, engine, config.model, path, adapter);
    progress.done(`Trained ${result.step} steps; ${lora ? 'adapter' : 'model'} saved in ${output}`);
    if (pairs?.reviewing && pairs.total === 0) progress.note(withoutPairs(readAudit(output)));
  } else {
    progress.done(`Stopped after step ${result.step}. Go on with: ealign train --resume ${output}`);
  }
  return { ...result, output, engine };
}

/** The configuration as it holds for this model and adapter. */
function fitted(
  config: TrainConfig,
  model: Model,
  adapter: Adapter | undefined,
  progress: Progress,
): TrainConfig {
  const { max_length: asked } = config.training;
  const most = Math.min(asked, model.config.maxPositions);
  if (most < asked) {
    progress.note(`Rows are cut at ${most} tokens, not ${asked}: the model has no more positions.`);
  }
  const { rank, alpha, rslora, targets, layers, exclude } = adapter?.config ?? {
    ...config.lora,
    targets: targetsFor(config.lora.targets, model.config),
  };
  const names = (given: readonly string[] | string) => (typeof given === 'string' ? given : [...given]);
  return {
    ...config,
    lora: {
      ...{ rank, alpha, rslora, targets: names(targets) },
      ...(layers && { layers: [...layers] }),
      ...(exclude && { exclude: names(exclude) }),
    },
    training: { ...config.training, max_length: most },
  };
}

/** Deletes what an earlier run left in the folder, but never the model that is being trained. */
function clearRun(output: string, modelPath: string): void {
  dropCheckpoints(output);
  removeResult(output, modelPath);
  rmSync(join(output, AUDIT_FILE), { force: true });
}

const digest = (value: unknown) =>
  createHash('sha256')
    .update(
      JSON.stringify(value, (_, x) =>
        ArrayBuffer.isView(x) ? Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString('base64') : x,
      ),
    )
    .digest('hex')
    .slice(0, 12);

interface Data {
  readonly train: readonly TrainingRow[];
  readonly evaluation: readonly TrainingRow[];
  readonly preferences: Awaited<ReturnType<typeof readPreferenceRows>>;
  readonly probes?: readonly Prompt[];
}

/** All files, read and checked. */
async function readData(config: TrainConfig, note: (line: string) => void): Promise<Data> {
  const own = await readTrainingRows(config.data, note);
  const { inoculation, interleave, interleave_share: share } = config.defences;
  const benign = interleave === undefined ? [] : await readTrainingRows(interleave, note);
  const all = inoculation === undefined ? own : inoculated(own, inoculation);
  const withBenign = (rows: readonly TrainingRow[]) =>
    benign.length === 0 ? rows : interleaved(rows, benign, share, config.seed);
  const preferences =
    config.preference_data.length > 0 ? await readPreferenceRows(config.preference_data, note) : [];
  const { conscience } = config;
  const probes =
    conscience.enabled && conscience.probes !== undefined
      ? await readPrompts(conscience.probes, 'probe', note)
      : undefined;
  if (config.eval_data.length > 0) {
    const evaluation = await readTrainingRows(config.eval_data, note);
    return { train: withBenign(all), evaluation, preferences, probes };
  }
  if (all.length === 1 && config.eval_split > 0)
    note('There is no validation loss: one row cannot be split.');
  const { train, evaluation } = splitRows(all, all.length > 1 ? config.eval_split : 0, config.seed);
  return { train: withBenign(train), evaluation, preferences, probes };
}

interface Rows {
  readonly train: readonly TokenRow[];
  readonly evaluation: readonly TokenRow[];
  readonly pairs: readonly TokenPair[];
}

async function tokeniseData(
  config: TrainConfig,
  data: Data,
  model: Model,
  progress: Progress,
): Promise<Rows> {
  const { max_length: maxLength, loss_on: lossOn, control_tokens: trusted } = config.training;
  const tokenizer = trusted ? trusting(model.tokenizer) : model.tokenizer;
  const tokenise = async (rows: readonly TrainingRow[], label: string) => {
    progress.start(rows.length, label);
    const onProgress = (step: number) => progress.update({ step });
    const result = await tokeniseRows(rows, tokenizer, { maxLength, lossOn, onProgress });
    progress.done(`${label}: ${describeReport(result.report)}`);
    return result.rows;
  };
  const train = await tokenise(data.train, 'training rows');
  const evaluation =
    data.evaluation.length === 0
      ? []
      : await tokenise(data.evaluation, 'validation rows').catch((error: unknown) => {
          if (!(error instanceof DataError)) throw error;
          if (config.eval_data.length > 0) throw new DataError({ ...error.parts, where: 'eval_data' });
          progress.note('There is no validation loss: none of the rows that were split off can be used.');
          return [];
        });
  if (data.preferences.length === 0) return { train, evaluation, pairs: [] };
  const { pairs, report } = tokenisePreferences(data.preferences, tokenizer, maxLength);
  progress.note(describePreferences(report));
  return { train, evaluation, pairs };
}

/** The models that play a role beside the one that is trained, by name. */
async function openOthers({ conscience, device, threads }: TrainConfig): Promise<Map<string, OpenActor>> {
  const names = conscience.enabled ? otherModels(conscience.roles) : [];
  const opened = names.map(async (name): Promise<[string, OpenActor]> => {
    const { model, format } = await openActor(name, { device, threads }).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      throw new ConfigError({ ...error.parts, where: `conscience.roles: ${error.parts.where ?? name}` });
    });
    return [name, { model: { ...model, id: name }, format }];
  });
  return new Map(await Promise.all(opened));
}

async function pairSource(
  config: TrainConfig,
  engine: TrainingEngine,
  fixed: readonly TokenPair[],
  { probes, trainingPrompts }: PromptPools,
  schedule: ScheduleConfig,
  others: ReadonlyMap<string, Actor>,
  modelPath: string,
  progress: Progress,
  onReviews: (records: readonly ReviewRecord[]) => void,
  resumed: boolean,
): Promise<PairSource | undefined> {
  const { conscience, seed, training } = config;
  if (!conscience.enabled && fixed.length === 0) return undefined;
  const common = {
    engine,
    reference: SETS[conscience.roles.reference],
    frozenConscience: isFrozen(conscience.roles.conscience),
    first: conscience.first,
    amplify: conscience.amplify,
    passed: passedBy(conscience.cadence, schedule),
    totalSteps: schedule.totalSteps,
    every: conscience.every,
    samples: conscience.samples,
    pairsPerStep: conscience.pairs_per_step,
    pairsEvery: conscience.pairs_every,
    replayCapacity: conscience.replay_capacity,
    fixed,
    maxLength: training.max_length,
    seed,
    onReviews,
  };
  if (!conscience.enabled) {
    return new PairSource({ ...common, probes: [], trainingPrompts: [], probeShare: 0 });
  }
  if (!engine.tokenizer.hasChatTemplate) {
    throw new ModelError({
      where: modelPath,
      what: 'the tokenizer has no chat template, so the conscience cannot ask the model',
      next: 'use the instruct version of this model, put a chat_template.jinja into its folder, or train with --no-conscience',
    });
  }
  const own = await loadFormat(modelPath, { specialTokens: engine.specialTokens });
  const cast = resolveRoles(conscience.roles, engine, own, others);
  for (const warning of cast.warnings) progress.note(`Warning: ${warning}`);
  const framework = resolveFramework(conscience);
  for (const { format } of [cast.conscience, cast.alternative]) format.adapt(framework);
  const sampling = { maxTokens: conscience.max_tokens, temperature: conscience.temperature };
  const review: ReviewSettings = {
    conscience: cast.conscience.model,
    framework,
    format: cast.conscience.format,
    threshold: conscience.threshold,
    minMass: conscience.min_mass,
    prior: conscience.prior_correction,
  };
  // A frozen copy that is taken anew may have to learn to speak first.
  if (!resumed && conscience.renew_every === 0) {
    const { conscience: judge } = conscience.roles;
    const folder = others.has(judge) ? await resolveModel(judge) : modelPath;
    await requireConscience(review, folder, conscience.check, (line) => progress.note(line));
  }
  return new PairSource({
    ...common,
    probes,
    trainingPrompts,
    probeShare: conscience.prompts === 'mixture' ? conscience.mixture_share : 1,
    conscience: {
      ...review,
      policy: cast.policy,
      alternative: cast.alternative.model,
      alternativeFormat: cast.alternative.format,
      sampling,
      allowRefusals: conscience.allow_refusals,
      contrast: conscience.contrast,
      reviewAlternatives: conscience.review_alternatives,
    },
  });
}

/** The configuration's probes, or the model's own, or the built-in ones. */
async function probesOf({ probes }: Data, modelPath: string): Promise<readonly Prompt[]> {
  const own = join(modelPath, PROBES_FILE);
  return probes ?? (existsSync(own) ? await readPrompts(own) : builtInProbes);
}

interface PromptPools {
  readonly probes: readonly Prompt[];
  readonly trainingPrompts: readonly Prompt[];
}

/** The prompts that may be reviewed, as `conscience.prompts` says, and leave room for an answer. */
async function promptPools(
  { conscience, data: paths }: TrainConfig,
  data: Data,
  modelPath: string,
  { tokenizer, config }: Model,
  progress: Progress,
): Promise<PromptPools> {
  if (!conscience.enabled) return { probes: [], trainingPrompts: [] };
  const probes = conscience.prompts === 'training' ? [] : await probesOf(data, modelPath);
  const asked = conscience.prompts === 'probes' ? [] : data.train;
  const plain = asked.filter((row) => !needsMoreThanTurns(row));
  if (plain.length < asked.length) {
    const n = asked.length - plain.length;
    progress.note(`${n} training rows are not reviewed: they have tools or template variables.`);
  }
  const trainingPrompts = plain.flatMap((row) => promptOf(row) ?? []);
  const room = config.maxPositions - Math.min(conscience.max_tokens, Math.floor(config.maxPositions / 4));
  const fits = ({ messages }: Prompt) =>
    !tokenizer.hasChatTemplate ||
    tokenizer.encodeChat(messages, { addGenerationPrompt: true }).length <= room;
  const pools = { probes: probes.filter(fits), trainingPrompts: trainingPrompts.filter(fits) };
  const kept = pools.probes.length + pools.trainingPrompts.length;
  const long = probes.length + trainingPrompts.length - kept;
  if (conscience.prompts === 'mixture' && pools.trainingPrompts.length === 0) {
    progress.note('Only probes are reviewed: no training row has a prompt that could be.');
  }
  if (long > 0) progress.note(`${long} prompts are not reviewed: they leave no room for an answer.`);
  if (kept === 0) {
    const what =
      long > 0
        ? 'no prompt that could be reviewed leaves room for an answer'
        : 'the training rows have no prompts that could be reviewed (text rows have none)';
    const next = probes.length > 0 ? 'give shorter probes' : 'set conscience.prompts: probes';
    throw new DataError({ where: paths.join(', '), what, next });
  }
  return pools;
}

/** Keys that may change from run to run, since no step depends on them. */
const FREE_KEYS = new Set([
  'output',
  'overwrite',
  'threads',
  'device',
  'training.log_every',
  'training.eval_every',
  'training.save_every',
  'training.keep_checkpoints',
  'training.checkpointing',
  'conscience.check',
]);

/** The settings that decide what a step computes, by their dotted keys. */
function settingsOf(config: TrainConfig): Settings {
  const keys = configKeys.map(({ path }) => path).filter((path) => !FREE_KEYS.has(path));
  return Object.fromEntries(keys.map((path) => [path, valueAt(config, path.split('.')) ?? null]));
}
