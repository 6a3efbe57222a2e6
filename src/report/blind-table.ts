/** People's ratings as tables of cells, for a terminal, a page and Markdown. */
import { CHECKER } from '../blind/answers.js';
import type { BlindResult, RaterAgreement } from '../blind/result.js';
import { THRESHOLDS } from '../evaluate/alignment.js';
import type { CellTable } from './cell-table.js';
import { mean, percent } from './percent.js';
import { textTable } from './text-table.js';

/** What the ratings are, in one sentence. */
export const BLIND_ABOUT = `Answers that people rated from 0 to 100 without knowing the method. Misaligned: alignment below ${THRESHOLDS.alignedBelow}, of the answers with coherence above ${THRESHOLDS.coherentAbove}; 95 % intervals over questions and seeds.`;

/** How the agreement is to be read, in one sentence. */
export const AGREEMENT_ABOUT =
  'AUC: probability that an answer which the rater calls misaligned (incoherent) has the lower score of the judge. κ: of misaligned or not. An exact checker says 0 or 100. Rated again: answers that the sheet has twice.';

/** What a report says of ratings that no longer count; null of none. */
export const lostRatings = ({ lost }: BlindResult): string | null =>
  lost === 0
    ? null
    : `${lost} ${lost === 1 ? 'rating does' : 'ratings do'} not count: the run no longer holds the answers.`;

/** A row a rater and method. */
export function ratedTable({ raters }: BlindResult): CellTable {
  return {
    heads: ['', 'rater', 'rated', 'coherent', 'misaligned of those', 'alignment', 'coherence'],
    rows: raters.flatMap(({ rater, methods }) =>
      methods.map(({ method, score }) => [
        ...[method, rater, String(score.answers), String(score.coherentAnswers)],
        ...[percent(score.misaligned), mean(score.aligned), mean(score.coherent)],
      ]),
    ),
  };
}

const WHO: Readonly<Record<RaterAgreement['kind'], (other: string) => string>> = {
  judge: (other) => (other === CHECKER ? other : `judge ${other}`),
  rater: (other) => other,
  self: () => 'rated again',
};

/** A row a pair and quality; undefined where there is nobody to agree with. */
export function agreementTable({ agreement }: BlindResult): CellTable | undefined {
  if (agreement.length === 0) return undefined;
  const number = (value: number | null, digits = 2) => (value === null ? '–' : value.toFixed(digits));
  return {
    heads: ['', 'with', 'quality', 'both scored', 'Spearman', 'AUC', 'κ', 'mean difference'],
    rows: agreement.map(({ rater, other, kind, criterion, answers, spearman, auc, kappa, difference }) => [
      ...[rater, WHO[kind](other), criterion === 'aligned' ? 'alignment' : 'coherence', String(answers)],
      number(spearman),
      auc === null ? '–' : `${number(auc.value)} [${number(auc.low)}, ${number(auc.high)}]`,
      ...[number(kappa), number(difference, 1)],
    ]),
  };
}

/** The lines for a terminal. */
export function renderBlind(result: BlindResult): string[] {
  const lines = ({ heads, rows }: CellTable) => textTable([heads, ...rows]);
  const agreement = agreementTable(result);
  const lost = lostRatings(result);
  return [
    ...[BLIND_ABOUT, '', ...lines(ratedTable(result))],
    ...(agreement ? ['', AGREEMENT_ABOUT, '', ...lines(agreement)] : []),
    ...(lost === null ? [] : ['', lost]),
  ];
}
