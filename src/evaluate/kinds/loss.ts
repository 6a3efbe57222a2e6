/**
 * How well a model predicts the answers of a dataset, row by row into a file: `narrow` of the narrow task that
 * training taught, `benign` of one that it should leave alone.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readTrainingRows } from '../../data/dataset.js';
import { describeReport, tokeniseRows } from '../../data/tokenise.js';
import type { SequenceLogp } from '../../engine/training-engine.js';
import { writeFileAtomic } from '../../files/files.js';
import { Random } from '../../random.js';
import { bootstrapT, type Range } from '../../statistics/bootstrap-t.js';
import type { Estimate } from '../../statistics/intervals.js';
import type { CriterionName } from '../four-criteria.js';
import { openPlanned } from '../store.js';
import { type SubjectOptions, withSubject } from '../subject.js';
import { scoreInChunks } from './chunks.js';
import { type Kind, under } from './kind.js';
import { paired, recordsOf, withoutFolder } from './paired.js';
import { count, texts } from './sections.js';

const section = z.strictObject({
  data: texts.meta({ placeholder: 'file', description: 'dataset as for training; may be repeated' }),
  count: count.meta({ description: 'rows at random, the same for every model (default: all)' }).optional(),
  max_length: count
    .meta({ description: 'longer rows lose their end, in tokens (default: the model’s)' })
    .optional(),
});
type Section = z.output<typeof section>;

const PLAN_FILE = 'loss.json';
const ROWS_FILE = 'rows.jsonl';

const lossOf = (name: string, example: string, criterion: CriterionName): Kind<Section, LossScore> => ({
  name,
  schema: section,
  example,
  plan: { file: PLAN_FILE },
  files: ({ data }) => data,
  run: ({ data, count, max_length: maxLength }, options) =>
    evaluateLoss({ ...options, data, count, maxLength }),
  rows: ({ loss, tokenAccuracy, tokens }) =>
    under(criterion, [
      ['validation loss', 'nats', loss, tokens],
      ['token accuracy', 'share', tokenAccuracy, tokens],
    ]),
  compare: (a, b) => {
    const [ofA, ofB] = [a, b].map((folders) => recordsOf<ScoredRow>(folders, ROWS_FILE));
    const loss = ({ id, logpSum, tokens }: ScoredRow) =>
      [withoutFolder(id), Array<number>(tokens).fill(-logpSum / tokens)] as const;
    const hits = ({ id, correct, tokens }: ScoredRow) =>
      [withoutFolder(id), Array.from({ length: tokens }, (_, token) => Number(token < correct))] as const;
    return [
      paired({ of: '', measure: 'validation loss', unit: 'nats' }, ofA, ofB, loss),
      paired({ of: '', measure: 'token accuracy', unit: 'share' }, ofA, ofB, hits),
    ];
  },
});

/** The task that training taught. */
export const narrow: Kind<Section, LossScore> = {
  ...lossOf('narrow', '{ data: held-out.jsonl, count: 200 }', 'narrow task learned'),
  command: {
    name: 'loss',
    summary: 'measure how well a model predicts the answers of a dataset',
    description:
      'Validation loss and token accuracy over the answers of rows that training has not seen: whether the narrow task was learned, and whether a benign one was harmed. Rerun the same command to resume.',
    output: 'runs/loss',
    other: 'other scores',
    show: ({ rows, tokens, loss, tokenAccuracy }) => ({
      table: [
        ['rows', rows],
        ['tokens', tokens],
        ['validation loss', { unit: 'nats', estimate: loss }],
        ['token accuracy', { unit: 'share', estimate: tokenAccuracy }],
      ],
      notes: [],
    }),
  },
};

/** A task that training should leave alone. */
export const benign = lossOf('benign', '{ data: other.jsonl, count: 200 }', 'benign learning unharmed');

/** What is predicted, and by which model. */
export interface LossOptions extends SubjectOptions {
  /** Datasets as for training. */
  readonly data: readonly string[];
  /** Number of rows, drawn at random, the same for every model. Absent: all. */
  readonly count?: number;
  /** Longer rows lose their end, in tokens. Default: the model's longest. */
  readonly maxLength?: number;
}

/** Means over all predicted tokens of a dataset, with 95 % intervals over its rows. */
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
      ...{ folder: output, planFile: PLAN_FILE, recordsFile: ROWS_FILE, plan, overwrite },
      otherwise: 'scores of another model or of other rows',
    });
    const scored = await scoreInChunks(tokenised.rows, {
      ...{ store, chunk: 16, label: 'rows', progress, signal },
      score: async (some) => {
        const scores = await subject.sequenceLogps(some);
        return some.map(({ where }, i) => ({ id: where, ...scores[i] }));
      },
    });
    if (!scored) return undefined;
    const score = lossScore(store.all());
    progress.done(`rows: ${score.rows}`);
    writeFileAtomic(join(output, 'scores.json'), `${JSON.stringify({ ...plan, ...score }, null, 2)}\n`);
    return score;
  });
}

/** The means over rows that are scored. */
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
