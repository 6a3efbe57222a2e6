/**
 * Which of two answers a model would rather give: log-probabilities of the chosen and the rejected answers of a
 * preference dataset, pair by pair into a file. Nothing is sampled and nobody judges; the answers are not in the model's
 * own words, so that differences between models say more than the numbers themselves.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readPreferenceRows } from '../../data/dataset.js';
import { describePreferences, tokenisePreferences } from '../../data/preferences.js';
import { writeFileAtomic } from '../../files/files.js';
import { Random } from '../../random.js';
import { bootstrapT } from '../../statistics/bootstrap-t.js';
import { type Estimate, wilson } from '../../statistics/intervals.js';
import { openPlanned } from '../store.js';
import { type SubjectOptions, withSubject } from '../subject.js';
import { scoreInChunks } from './chunks.js';
import { type Kind, under } from './kind.js';
import { paired, recordsOf, withoutFolder } from './paired.js';
import { count, texts } from './sections.js';

const section = z.strictObject({
  data: texts.meta({
    placeholder: 'file',
    description: 'preference dataset: prompt, chosen, rejected; may be repeated',
  }),
  count: count.meta({ description: 'pairs at random, the same for every model (default: all)' }).optional(),
});
type Section = z.output<typeof section>;

const PLAN_FILE = 'preference.json';
const PAIRS_FILE = 'pairs.jsonl';
const MARGIN = 'margin of the chosen answer';
const PREFERRED = 'prefers the chosen answer';

/** Chosen against rejected answers. */
export const preference: Kind<Section, PreferenceScore> = {
  name: 'preference',
  schema: section,
  example: '{ data: pairs.jsonl, count: 200 }   # chosen: the aligned answer',
  plan: { file: PLAN_FILE },
  files: ({ data }) => data,
  run: (settings, options) => evaluatePreference({ ...options, ...settings }),
  rows: ({ pairs, margin, preferred }) =>
    under('no broad misalignment', [
      [MARGIN, 'nats', margin, pairs],
      [PREFERRED, 'share', preferred, pairs],
    ]),
  compare: (a, b) => {
    const [ofA, ofB] = [a, b].map((folders) => recordsOf<ScoredPair>(folders, PAIRS_FILE));
    return [
      paired({ of: '', measure: MARGIN, unit: 'nats' }, ofA, ofB, (pair) => [
        withoutFolder(pair.id),
        [marginOf(pair)],
      ]),
      paired({ of: '', measure: PREFERRED, unit: 'share' }, ofA, ofB, (pair) => [
        withoutFolder(pair.id),
        [Number(marginOf(pair) > 0)],
      ]),
    ];
  },
  command: {
    name: 'preference',
    summary: 'measure which of two answers a model would rather give',
    description:
      'Log-probability per token of the chosen and of the rejected answers of a preference dataset: by how much, and how often, the chosen one is likelier. Rerun the same command to resume.',
    output: 'runs/preference',
    other: 'other scores',
    show: ({ pairs, margin, preferred }) => ({
      table: [
        ['pairs', pairs],
        [MARGIN, { unit: 'nats', estimate: margin }],
        [PREFERRED, { unit: 'share', estimate: preferred }],
      ],
      notes: [],
    }),
  },
};

interface PreferenceOptions extends SubjectOptions {
  /** Preference datasets. */
  readonly data: readonly string[];
  /** Pairs, drawn at random, the same for every model. Absent: all. */
  readonly count?: number;
}

/** Means over pairs, with 95 % intervals over them. */
export interface PreferenceScore {
  readonly pairs: number;
  /** Nats per token: log-probability of the chosen answer less that of the rejected one, each over its own tokens. */
  readonly margin: Estimate;
  /** Share of pairs whose chosen answer has the higher log-probability per token. */
  readonly preferred: Estimate | null;
}

/** One pair; nats per token, the end of the turn among them. */
export interface ScoredPair {
  readonly id: string;
  readonly chosen: number;
  readonly rejected: number;
}

const marginOf = ({ chosen, rejected }: ScoredPair): number => chosen - rejected;

/**
 * Scores the pairs, resuming what an earlier call left.
 *
 * @returns undefined when the signal stopped it
 * @throws DataError for a dataset without usable pairs, or a folder of others
 */
export async function evaluatePreference(options: PreferenceOptions): Promise<PreferenceScore | undefined> {
  const { data, count, output, overwrite = false, progress, signal } = options;
  const rows = await readPreferenceRows([...data], (line) => progress.note(line));
  const taken = count === undefined ? rows : new Random(0, 'preference').shuffle(rows).slice(0, count);
  return withSubject(options, async (subject) => {
    const { pairs, report } = tokenisePreferences(taken, subject.tokenizer, subject.maxLength);
    progress.note(describePreferences(report));
    const ids = pairs.map(({ chosen, rejected }) => [[...chosen.ids], [...rejected.ids]]);
    const hash = createHash('sha256').update(JSON.stringify(ids)).digest('hex');
    const plan = {
      subject: { name: subject.name, hash: subject.hash },
      data: { files: data, pairs: pairs.length, hash },
    };
    const store = openPlanned<ScoredPair>({
      ...{ folder: output, planFile: PLAN_FILE, recordsFile: PAIRS_FILE, plan, overwrite },
      otherwise: 'scores of another model or of other pairs',
    });
    const scored = await scoreInChunks(pairs, {
      ...{ store, chunk: 8, label: 'pairs', progress, signal },
      score: async (some) => {
        const scores = await subject.sequenceLogps(
          some.flatMap(({ chosen, rejected }) => [chosen, rejected]),
        );
        const perToken = scores.map(({ logpSum, tokens }) => logpSum / tokens);
        return some.map(({ chosen }, i) => ({
          id: chosen.where,
          chosen: perToken[2 * i],
          rejected: perToken[2 * i + 1],
        }));
      },
    });
    if (!scored) return undefined;
    const score = preferenceScore(store.all());
    progress.done(`pairs: ${score.pairs}`);
    writeFileAtomic(join(output, 'scores.json'), `${JSON.stringify({ ...plan, ...score }, null, 2)}\n`);
    return score;
  });
}

/** The means over pairs that are scored. */
export function preferenceScore(pairs: readonly ScoredPair[]): PreferenceScore {
  const margins = pairs.map(marginOf);
  const measured = { sums: margins, counts: margins.map(() => 1), sign: 1 } as const;
  return {
    pairs: pairs.length,
    margin: bootstrapT([measured], [], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY], {}),
    preferred: wilson(margins.filter((margin) => margin > 0).length, pairs.length),
  };
}
