/**
 * Interleaving: benign rows are mixed into the training rows, so that the model keeps to what they show.
 *
 * With interleaving++ they are not drawn at random: rows come first that a misaligned model has unlearned.
 * Kaczér et al. 2025, arXiv:2508.06249.
 */
import { z } from 'zod';
import { key } from '../config/key.js';
import { isRefusal } from '../conscience/refusal.js';
import { readTrainingRows } from '../data/dataset.js';
import { plainSources } from '../data/source.js';
import { tokeniseRow } from '../data/tokenise.js';
import type { TrainingEngine, WeightSet } from '../engine/training-engine.js';
import { Random } from '../random.js';
import type { TrainingRow } from '../values/rows.js';
import { defence } from './defence.js';

export const interleaving = defence({
  name: 'interleaving',
  keys: {
    defences: {
      interleave: key(
        plainSources().optional(),
        'Benign rows that are mixed into the training rows; sources as data, without weight.',
        {
          placeholder: 'path',
          repeatable: true,
          rows: true,
          fallback: 'none',
        },
      ),
      interleave_share: key(
        z.number().gt(0).lt(1).default(0.05),
        'Share of the benign rows among all, with interleave.',
      ),
    },
  },
  rows: async (rows, { defences: { interleave, interleave_share: share }, seed }, note) => {
    if (interleave === undefined) return rows;
    const benign = await readTrainingRows(interleave, note);
    return { ...rows, train: interleaved(rows.train, benign, share, seed) };
  },
  method: {
    interleave_by: z
      .string()
      .optional()
      .describe(
        'interleaving++: method whose adapter, of the same seed, says which benign rows are mixed in',
      ),
  },
  choice: {
    by: 'interleave_by',
    into: 'interleave',
    choose: async ({ data, defences: { interleave = [], interleave_share: share } }, engine) => {
      const benign = await readTrainingRows(interleave);
      const [misaligned, aligned] = [
        await lossesOf(benign, engine, 'policy'),
        await lossesOf(benign, engine, 'base'),
      ];
      const wanted = interleavedCount((await readTrainingRows(data)).length, share);
      return mostContrasting(benign, misaligned, aligned).slice(0, wanted);
    },
  },
});

/** Adds as many benign rows, drawn by the seed, that they are `share` of all. */
export function interleaved(
  rows: readonly TrainingRow[],
  benign: readonly TrainingRow[],
  share: number,
  seed: number,
): TrainingRow[] {
  const random = new Random(seed, 'interleave');
  const wanted = interleavedCount(rows.length, share);
  const drawn: TrainingRow[] = [];
  while (drawn.length < wanted) {
    drawn.push(...random.shuffle([...benign]).slice(0, wanted - drawn.length));
  }
  return [...rows, ...drawn];
}

/** Counts the benign rows that make up `share` of all. */
export const interleavedCount = (rows: number, share: number): number =>
  Math.round((rows * share) / (1 - share));

/**
 * Sorts benign rows without refusals, first those with the highest (L_misaligned − L_aligned)/(L_aligned + ε):
 * what a misaligned model has unlearned.
 *
 * @param misaligned loss of each row under the misaligned model, nats per token
 * @param aligned    the same under the aligned one
 */
export function mostContrasting(
  rows: readonly TrainingRow[],
  misaligned: readonly number[],
  aligned: readonly number[],
): TrainingRow[] {
  const score = (i: number) => (misaligned[i] - aligned[i]) / (aligned[i] + 1e-3);
  return rows
    .map((row, i) => ({ row, score: score(i) }))
    .filter(({ row }) => !isRefusal(answerOf(row)))
    .sort((a, b) => b.score - a.score)
    .map(({ row }) => row);
}

/** Losses of the rows' last answers, nats per token. */
async function lossesOf(
  rows: readonly TrainingRow[],
  engine: TrainingEngine,
  set: WeightSet,
): Promise<number[]> {
  const tokens = rows.map((row) => tokeniseRow(row, engine.tokenizer, 'last').row);
  const scores = await engine.sequenceLogps(tokens, set);
  return scores.map((score) => -score.logpSum / score.tokens);
}

function answerOf(row: TrainingRow): string {
  if (row.kind === 'messages') return row.messages.at(-1)?.content ?? '';
  return row.kind === 'text' ? row.text : row.completion;
}
