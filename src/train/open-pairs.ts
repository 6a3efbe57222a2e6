/** The source of a run's preference pairs: models cast in their roles, the conscience checked before the first step. */
import { alarmLimit } from '../conscience/alarm.js';
import type { Calibration } from '../conscience/calibration.js';
import { loadFormat } from '../conscience/plain-format.js';
import type { ReviewRecord } from '../conscience/record.js';
import type { ReviewSettings } from '../conscience/review.js';
import { type Actor, isFrozen, otherModels, resolveRoles, SETS } from '../conscience/roles.js';
import type { ConscienceStep } from '../conscience/step.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { ConfigError, UserError } from '../errors.js';
import { resolveModel } from '../hub/pull.js';
import type { CostMeter } from '../metrics/costs.js';
import { type OpenActor, openActor } from '../open/actor.js';
import { passedBy } from './cadence.js';
import { rulesOf } from './calibration.js';
import type { TrainConfig } from './config/schema.js';
import { requireConscience } from './conscience-check.js';
import { PairSource } from './pairs.js';
import type { TrainPlan } from './plan.js';
import { probeShareOf } from './prompt-pools.js';
import { ReviewsBeside, type ReviewThread } from './reviews-beside.js';
import type { TrainedModel } from './trained-model.js';

/**
 * Opens the models that play a role beside the one that is trained, by name.
 *
 * @throws ConfigError when one of them cannot be used
 */
export async function openOthers({
  conscience,
  device: asked,
  threads,
}: TrainConfig): Promise<Map<string, OpenActor>> {
  const names = conscience.enabled ? otherModels(conscience.roles) : [];
  // with other engines they compute here, on the CPU
  const device = asked === 'webgpu' ? asked : 'cpu';
  const opened = names.map(async (name): Promise<[string, OpenActor]> => {
    const { model, format } = await openActor(name, { device, threads }).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      throw new ConfigError({ ...error.parts, where: `conscience.roles: ${error.parts.where ?? name}` });
    });
    return [name, { model: { ...model, id: name }, format }];
  });
  return new Map(await Promise.all(opened));
}

/** The models in their roles, and how they are asked, for a conscience step. */
export interface RolesCast {
  readonly step: Omit<ConscienceStep, 'prompts' | 'step' | 'seed' | 'priorCache' | 'trainable'>;
  readonly review: ReviewSettings;
  readonly frozenConscience: boolean;
  readonly warnings: readonly string[];
}

/** @throws ConfigError when a format does not know the framework */
export async function castRoles(
  { config: { conscience }, config, modelPath }: Pick<TrainedModel, 'config' | 'modelPath'>,
  engine: TrainingEngine,
  others: ReadonlyMap<string, Actor>,
  calibration?: Calibration,
): Promise<RolesCast> {
  const own = await loadFormat(modelPath, { specialTokens: engine.specialTokens });
  const cast = resolveRoles(conscience.roles, engine, own, others);
  const rules = rulesOf(config, calibration);
  const { framework, parts = [{ framework }] } = rules;
  for (const part of parts) cast.conscience.format.adapt(part.framework);
  cast.alternative.format.adapt(framework);
  const review: ReviewSettings = {
    ...{ conscience: cast.conscience.model, format: cast.conscience.format },
    ...rules,
  };
  const step = {
    ...review,
    policy: cast.policy,
    alternative: cast.alternative.model,
    alternativeFormat: cast.alternative.format,
    sampling: { maxTokens: conscience.max_tokens, temperature: conscience.temperature },
    allowRefusals: conscience.allow_refusals,
    contrast: conscience.contrast,
    manner: conscience.alternatives,
    unfinished: conscience.unfinished_alternatives,
    ...(conscience.alternative_temperature === undefined
      ? {}
      : { alternativeTemperature: conscience.alternative_temperature }),
    reviewAlternatives: conscience.review_alternatives,
  };
  const { warnings } = cast;
  return { step, review, frozenConscience: isFrozen(conscience.roles.conscience), warnings };
}

export interface PairsOptions {
  readonly engine: TrainingEngine;
  /** The models that `openOthers` opened, by name. */
  readonly others: ReadonlyMap<string, Actor>;
  /** How the conscience is best asked, where that is known. */
  readonly calibration?: Calibration;
  /** Whether the conscience was checked when the run began, so that it need not be again. */
  readonly resumed: boolean;
  readonly meter: CostMeter;
  /** Reviews beside training, where they are to be. */
  readonly thread?: ReviewThread;
  /** Told of warnings. */
  readonly note: (line: string) => void;
  readonly onReviews: (records: readonly ReviewRecord[]) => void;
}

/**
 * Opens the source of preference pairs.
 *
 * @returns undefined when the run has no conscience and no fixed pairs
 * @throws TrainingError when the conscience cannot be used
 */
export async function openPairs(
  { config, rows, prompts, schedule, modelPath }: TrainPlan,
  { engine, others, calibration, resumed, meter, note, onReviews, thread }: PairsOptions,
): Promise<PairSource | undefined> {
  const { conscience, seed, training } = config;
  if (!conscience.enabled && rows.pairs.length === 0) return undefined;
  const common = {
    engine,
    reference: SETS[conscience.roles.reference],
    frozenConscience: isFrozen(conscience.roles.conscience),
    first: conscience.first,
    amplify: conscience.amplify,
    passed: passedBy(conscience.cadence, schedule),
    totalSteps: schedule.totalSteps,
    every: conscience.every,
    adaptive: conscience.adaptive,
    samples: conscience.samples,
    pairsPerStep: conscience.pairs_per_step,
    pairsEvery: conscience.pairs_every,
    replayCapacity: conscience.replay_capacity,
    ...prompts,
    probeShare: probeShareOf(config),
    fixed: rows.pairs,
    maxLength: training.max_length,
    seed,
    meter,
    onReviews,
  };
  if (!conscience.enabled) return new PairSource(common);
  const { step, review, warnings } = await castRoles({ config, modelPath }, engine, others, calibration);
  for (const warning of warnings) note(`Warning: ${warning}`);
  // a frozen copy that is taken again later may have to learn to speak first
  if (!resumed && review.parts === undefined && conscience.renew_every === 0) {
    const { conscience: judge } = conscience.roles;
    const folder = others.has(judge) ? await resolveModel(judge) : modelPath;
    await requireConscience(review, folder, conscience.check, note);
  }
  return new PairSource({
    ...common,
    conscience: step,
    alarm: alarmLimit(conscience),
    onAlarm: note,
    ...(thread ? { beside: new ReviewsBeside(thread, conscience.lag) } : {}),
  });
}
