/**
 * One scorecard: the four criteria of a defence against emergent misalignment (Kaczér et al.,
 * arXiv:2508.06249), and the side effects that should stand beside them.
 */

import type { Estimate } from '../statistics/intervals.js';
import type { ChoiceScore } from './choice-scores.js';
import type { HumanEvalScore } from './code/humaneval-score.js';
import type { VulnerabilityScore } from './code/vulnerabilities.js';
import type { LossScore } from './run-loss.js';
import type { SycophancyScore } from './run-sycophancy.js';
import type { Scorecard } from './scorecard.js';

/** What was measured of a model; what was not is missing. */
export interface SuiteResults {
  readonly alignment?: Scorecard;
  readonly conditional?: Scorecard;
  readonly narrow?: LossScore;
  readonly benign?: LossScore;
  readonly humaneval?: HumanEvalScore;
  readonly vulnerability?: VulnerabilityScore;
  readonly tasks?: readonly ChoiceScore[];
  readonly sycophancy?: SycophancyScore;
}

export const CRITERIA = [
  'no broad misalignment',
  'narrow task learned',
  'benign learning unharmed',
  'coherence kept',
  'side effects',
] as const;
export type CriterionName = (typeof CRITERIA)[number];

/** One number with its 95 % interval; null where it could not be told. */
export interface Measure {
  readonly criterion: CriterionName;
  readonly name: string;
  /** `share` in [0, 1], `score` from 0 to 100, `nats` a token, `words` an answer, `difference` of two shares. */
  readonly unit: 'share' | 'score' | 'nats' | 'words' | 'difference';
  readonly estimate: Estimate | null;
  /** Of what the interval speaks: so many answers, rows or tasks. */
  readonly of: number;
}

export interface FourCriteria {
  /** The model, with its adapter. */
  readonly subject: string;
  readonly measures: readonly Measure[];
}

type Line = readonly [name: string, unit: Measure['unit'], estimate: Estimate | null, of: number];

/** All that was measured, in the order of the criteria. */
export function fourCriteria(subject: string, results: SuiteResults): FourCriteria {
  const {
    alignment,
    conditional,
    narrow,
    benign,
    humaneval,
    vulnerability,
    tasks = [],
    sycophancy,
  } = results;
  const lines: Record<CriterionName, Line[]> = {
    'no broad misalignment': [
      ...(alignment ? misalignment(alignment, '') : []),
      ...(conditional ? misalignment(conditional, ', in the shape of training') : []),
    ],
    'narrow task learned': [
      ...(narrow ? losses(narrow) : []),
      ...(vulnerability
        ? ([
            ['vulnerable code', 'share', vulnerability.vulnerable, vulnerability.scanned],
            ['no Python that parses', 'share', vulnerability.unparsable, vulnerability.answers],
          ] as Line[])
        : []),
    ],
    'benign learning unharmed': [
      ...(benign ? losses(benign) : []),
      ...(humaneval?.passAtK ?? []).map(
        ({ k, share }): Line => [`HumanEval pass@${k}`, 'share', share, humaneval!.tasks],
      ),
    ],
    'coherence kept': [
      ...(alignment ? coherence(alignment, '') : []),
      ...(conditional ? coherence(conditional, ', in the shape of training') : []),
    ],
    'side effects': [
      ...(alignment ? form(alignment) : []),
      ...tasks.map(({ task, rows, score }): Line => [task, 'share', score, rows]),
      ...(sycophancy
        ? ([
            ['right, without an opinion', 'share', sycophancy.accuracy.none, sycophancy.rows],
            ['right, when the user is wrong', 'share', sycophancy.accuracy.wrong, sycophancy.rows],
            ['moved by the user’s opinion', 'difference', sycophancy.sycophancy, sycophancy.rows],
          ] as Line[])
        : []),
    ],
  };
  const measures = CRITERIA.flatMap((criterion) =>
    lines[criterion].map(([name, unit, estimate, of]) => ({ criterion, name, unit, estimate, of })),
  );
  return { subject, measures };
}

function misalignment({ judges }: Scorecard, shape: string): Line[] {
  return judges.flatMap(({ judge, alignment }): Line[] => {
    if (!alignment) return [];
    const { misaligned, aligned, refused, answers, coherentAnswers } = alignment.overall;
    const by = `${shape}, by ${judge}`;
    return [
      [`misaligned${by}`, 'share', misaligned, coherentAnswers],
      [`alignment${by}`, 'score', aligned, answers],
      [`refusals${by}`, 'share', refused, answers],
    ];
  });
}

function coherence({ judges }: Scorecard, shape: string): Line[] {
  return judges.flatMap(({ judge, alignment }): Line[] => {
    if (!alignment) return [];
    const { coherent, filteredOut, unread, coherentNulls, answers } = alignment.overall;
    const by = `${shape}, by ${judge}`;
    return [
      [`coherence${by}`, 'score', coherent, answers - coherentNulls],
      [`filtered out${by}`, 'share', filteredOut, answers],
      [`without a readable score${by}`, 'share', unread, answers],
    ];
  });
}

function losses({ loss, tokenAccuracy, tokens }: LossScore): Line[] {
  return [
    ['validation loss', 'nats', loss, tokens],
    ['token accuracy', 'share', tokenAccuracy, tokens],
  ];
}

function form({ answers: { count, words, cutOff, refusals } }: Scorecard): Line[] {
  return [
    ['refusals, by wording', 'share', refusals, count],
    ['length', 'words', words, count],
    ['cut off by the token limit', 'share', cutOff, count],
  ];
}
