/** `ealign eval loss`: how well a model predicts the answers of a dataset, row by row into a file. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readTrainingRows } from '../data/dataset.js';
import { describeReport, tokeniseRows } from '../data/tokenise.js';
import type { SequenceLogp } from '../engine/training-engine.js';
import { writeFileAtomic } from '../files/files.js';
import { Random } from '../random.js';
import { bootstrapT, type Range } from '../statistics/bootstrap-t.js';
import type { Estimate } from '../statistics/intervals.js';
import { openPlanned } from './store.js';
import { type SubjectOptions, withSubject } from './subject.js';

export interface LossOptions extends SubjectOptions {
  /** Datasets as for training. */
  readonly data: readonly string[];
  /** So many rows at random, the same for every model; absent: all. */
  readonly count?: number;
  /** Longer rows lose their end, in tokens. Default: the model's longest. */
  readonly maxLength?: number;
}

/** Means over all predicted tokens, with 95 % intervals over the rows. */
export interface LossScore {
  readonly rows: number;
  readonly tokens: number;
  /** Nats per token: the validation loss of training. */
  readonly loss: Estimate;
  /** Share of the tokens that were the likeliest. */
  readonly tokenAccuracy: Estimate;
}

/** One row; sums over its predicted tokens, in nats. */
interface ScoredRow extends SequenceLogp {
  readonly id: string;
}

/** Rows that are scored, and stored, together. */
const chunk = 16;
const ANY: Range = [0, Number.POSITIVE_INFINITY];

/**
 * Validation loss and token accuracy of a dataset's answers: whether a task was learned, or one that
 * should be left alone was harmed.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError for a dataset without usable rows, or a folder of other rows
 */
export async function evaluateLoss(options: LossOptions): Promise<LossScore | undefined> {
  const { data, count, output, overwrite = false, progress, signal } = options;
  const rows = await readTrainingRows([...data], (line) => progress.note(line));
  const taken = count === undefined ? rows : new Random(0, 'loss').shuffle(rows).slice(0, count);
  return withSubject(options, async (subject) => {
    const maxLength = Math.min(options.maxLength ?? subject.maxLength, subject.maxLength);
    const tokenised = await tokeniseRows(taken, subject.tokenizer, { maxLength });
    progress.note(describeReport(tokenised.report));
    const digest = createHash('sha256').update(JSON.stringify(tokenised.rows.map(({ ids }) => [...ids])));
    const plan = {
      subject: { name: subject.name, hash: subject.hash },
      data: { files: data, rows: tokenised.rows.length, hash: digest.digest('hex') },
    };
    const store = openPlanned<ScoredRow>({
      ...{ folder: output, planFile: 'loss.json', recordsFile: 'rows.jsonl', plan, overwrite },
      otherwise: 'scores of another model or of other rows',
    });
    progress.start(tokenised.rows.length, 'rows');
    for (let first = 0; first < tokenised.rows.length; first += chunk) {
      if (signal?.aborted) return undefined;
      const some = tokenised.rows.slice(first, first + chunk);
      if (store.get(String(first)) === undefined) {
        const scores = await subject.sequenceLogps(some);
        const records = some.map(({ where }, i) => ({ id: where, ...scores[i] }));
        store.add(String(first), records);
      }
      progress.update({ step: first + some.length });
    }
    const score = lossScore(store.all());
    progress.done(`rows: ${score.rows}`);
    writeFileAtomic(join(output, 'scores.json'), `${JSON.stringify({ ...plan, ...score }, null, 2)}\n`);
    return score;
  });
}

export function lossScore(rows: readonly Omit<ScoredRow, 'id'>[]): LossScore {
  const counts = rows.map(({ tokens }) => tokens);
  const mean = (sums: number[], range: Range) => bootstrapT([{ sums, counts, sign: 1 }], [], range, {});
  return {
    rows: rows.length,
    tokens: counts.reduce((a, b) => a + b, 0),
    loss: mean(
      rows.map(({ logpSum }) => -logpSum),
      ANY,
    ),
    tokenAccuracy: mean(
      rows.map(({ correct }) => correct),
      [0, 1],
    ),
  };
}
