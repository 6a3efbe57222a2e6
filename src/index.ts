/** The public surface, name by name. Everything else may change without notice. */

// conscience
export { readAudit } from './conscience/audit.js';
export { type Calibration, calibratedSettings } from './conscience/calibration.js';
export type { ReviewFormat } from './conscience/format.js';
export { FRAMEWORKS, type Framework, type FrameworkName, resolveFramework } from './conscience/frameworks.js';
export { loadFormat } from './conscience/plain-format.js';
export type { PriorKind, Reading, ReadingPart } from './conscience/reading.js';
export type { ReviewRecord } from './conscience/record.js';
export { type Review, type ReviewSettings, reviewMany } from './conscience/review.js';
export { type ConscienceResult, type ConscienceStep, runConscience } from './conscience/step.js';
export type { AnswerReader, GenerateOptions, LanguageModel } from './engine/language-model.js';
export type {
  HybridPass,
  SequenceLogp,
  StepResult,
  TrainingEngine,
  UpdateOptions,
  UpdateResult,
  WeightSet,
} from './engine/training-engine.js';
// errors
export {
  ConfigError,
  DamageError,
  DataError,
  DownloadError,
  ModelError,
  PromptTooLongError,
  SaveError,
  ShapeError,
  TrainingError,
  UserError,
} from './errors.js';
export { type ExportOptions, exportModel } from './export/export.js';
// models
export { pull, resolveModel } from './hub/pull.js';
export { METRICS, type MetricRecord } from './metrics/names.js';
export type { Progress } from './metrics/progress.js';
export { readMetrics } from './metrics/writer.js';
export { type Adapter, readAdapter, writeAdapter } from './model/adapter-files.js';
export type { Architecture, Projection } from './model/architectures/architecture.js';
export { architectures } from './model/architectures/index.js';
export type { ModelConfig } from './model/config.js';
export type { LoraConfig } from './model/lora-modules.js';
export type { Model, Tensor, Weights } from './model/model.js';
export { loadModel, saveModel } from './model/weights.js';
export { formatOf } from './open/actor.js';
export { calibrationOf, readCalibration, type SavedCalibration } from './open/calibration.js';
export { type EngineOptions, openEngine } from './open/engine.js';
export { type OpenModel, type OpenOptions, openModel } from './open/model.js';
export type { ReviewerOptions } from './review/open-reviewer.js';
export {
  type ReviewedTurn,
  reviewTranscripts,
  type TranscriptReviewOptions,
  type TranscriptReviews,
} from './review/run.js';
export {
  type ConscienceScore,
  type ConscienceScorer,
  conscienceScorer,
  type ScorerArguments,
  type ScorerOptions,
} from './review/scorer.js';
export { loadConfig, parseConfig } from './train/config/load.js';
export type { TrainConfig } from './train/config/schema.js';
export { type PlanOptions, planTrain, showPlan, type TrainPlan } from './train/plan.js';
export { type RunOptions, type RunResult, runTrain } from './train/run.js';
// training
export { type AlignedStep, type Alignment, align } from './train/step.js';
export type { Message, Prompt, Response } from './values/conversation.js';
// values
export type { Pair, Verdict } from './values/pair.js';
// zero-shot
export { type Outcome, type ReviewedAnswer, type Spent, totalUsage } from './zero-shot/answer.js';
export type { OwnConscienceOptions } from './zero-shot/opened-reading.js';
export type { ZeroShotOptions } from './zero-shot/options.js';
export { withOwnConscience } from './zero-shot/own-conscience.js';
export type { ConscienceEvent, StreamPolicy } from './zero-shot/release.js';
export {
  type ConscientiousModel,
  type GivenDraft,
  type StreamOptions,
  withConscience,
} from './zero-shot/with-conscience.js';
