/** The rows of a run: read from the configured files, checked, and turned into tokens. */
import {
  readPreferenceSources,
  readPrompts,
  readTrainingRows,
  readTrainingSources,
} from '../data/dataset.js';
import { mixed } from '../data/mix.js';
import { describePreferences, type TokenPair, tokenisePreferences } from '../data/preferences.js';
import { splitRows } from '../data/split.js';
import { describeReport, tokeniseRows } from '../data/tokenise.js';
import type { SplitRows } from '../defences/defence.js';
import { defendedRows } from '../defences/index.js';
import { DataError } from '../errors.js';
import type { Progress } from '../metrics/progress.js';
import { trusting } from '../tokenizer/control-tokens.js';
import type { ChatTokenizer } from '../tokenizer/tokenizer.js';
import type { Prompt } from '../values/conversation.js';
import type { PreferenceRow, TokenRow, TrainingRow } from '../values/rows.js';
import type { TrainConfig } from './config/schema.js';

/** All rows as text. */
export interface TrainData {
  readonly train: readonly TrainingRow[];
  readonly evaluation: readonly TrainingRow[];
  readonly preferences: readonly PreferenceRow[];
  /** The configured probes; absent: the model's own, or the built-in ones. */
  readonly probes?: readonly Prompt[];
}

/** The same as tokens. */
export interface TokenData {
  readonly train: readonly TokenRow[];
  readonly evaluation: readonly TokenRow[];
  readonly pairs: readonly TokenPair[];
}

/**
 * Reads and checks every file that the configuration names.
 *
 * @param note told what is not read, or cannot be done
 * @throws DataError at the first row that cannot be used
 */
export async function readData(config: TrainConfig, note: (line: string) => void): Promise<TrainData> {
  const { conscience, seed } = config;
  const own = await readTrainingSources(config.data, note);
  const parts = divided(
    own.flatMap(({ rows }) => rows),
    config,
    note,
  );
  // held out before they are mixed: no row is on both sides, however often it is taken
  const weighed = { ...parts, train: mixed(own, parts.train, seed, note) };
  const { train, heldOut } = await defendedRows(weighed, config, note);
  const pairs = await readPreferenceSources(config.preference_data, note);
  const preferences = mixed(
    pairs,
    pairs.flatMap(({ rows }) => rows),
    seed,
    note,
  );
  const probes =
    conscience.enabled && conscience.probes !== undefined
      ? await readPrompts(conscience.probes, 'probe', note)
      : undefined;
  const evaluation = config.eval_data.length > 0 ? await readTrainingRows(config.eval_data, note) : heldOut;
  return { train, evaluation, preferences, probes };
}

/** Splits off rows for the validation loss, where the user gives none. */
function divided(
  rows: readonly TrainingRow[],
  { eval_data, eval_split, seed }: TrainConfig,
  note: (line: string) => void,
): SplitRows {
  if (eval_data.length > 0) return { train: rows, heldOut: [] };
  if (rows.length === 1 && eval_split > 0) note('There is no validation loss: one row cannot be split.');
  const { train, evaluation: heldOut } = splitRows(rows, rows.length > 1 ? eval_split : 0, seed);
  return { train, heldOut };
}

/**
 * Turns rows into tokens, cut at `training.max_length`.
 *
 * @throws DataError when no training row is left, or none of the user's own validation rows
 */
export async function tokeniseData(
  config: TrainConfig,
  data: TrainData,
  ownTokenizer: ChatTokenizer,
  progress: Progress,
): Promise<TokenData> {
  const { max_length: maxLength, loss_on: lossOn, control_tokens: trusted } = config.training;
  const tokenizer = trusted ? trusting(ownTokenizer) : ownTokenizer;
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
