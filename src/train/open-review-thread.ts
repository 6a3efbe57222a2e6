/** Starts the thread that reviews beside training. */
import { availableParallelism } from 'node:os';
import type { Calibration } from '../conscience/calibration.js';
import { TrainingError } from '../errors.js';
import { startThread } from '../open/thread/start.js';
import type { TrainConfig } from './config/schema.js';
import type { ReviewThread } from './reviews-beside.js';
import type { TrainedModel } from './trained-model.js';

/** What the thread opens. */
export interface ReviewTask {
  /** With the threads of the reviews' own models. */
  readonly config: TrainConfig;
  /** How the conscience is best asked, where that is known. */
  readonly calibration?: Calibration;
}

export interface OpenReviewThread extends ReviewThread {
  close(): Promise<void>;
}

const program = new URL('./review-thread.js', import.meta.url);

/**
 * @throws TrainingError where the model's files have changed since training has read them; whatever it
 *   takes to open the models
 */
export async function openReviewThread(
  { config, model, modelPath }: TrainedModel,
  calibration?: Calibration,
): Promise<OpenReviewThread> {
  const reviewing = { ...config, threads: config.conscience.lag_threads };
  const task: ReviewTask = { config: reviewing, ...(calibration ? { calibration } : {}) };
  const { thread, about: hash, close } = await startThread<string>(program, task);
  if (hash !== model.hash) {
    await close();
    const next = 'start the run again';
    throw new TrainingError({ where: modelPath, what: 'the model changed while the run began', next });
  }
  return { review: (request) => thread.call('review', request), close };
}

/** CPU threads of training: where reviews run beside it, those that they leave. */
export function trainingThreads({ threads, conscience }: TrainConfig): number {
  const beside = conscience.enabled && conscience.lag > 0;
  if (threads > 0 || !beside) return threads;
  return Math.max(1, availableParallelism() - conscience.lag_threads);
}
