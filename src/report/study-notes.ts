/** How the numbers of a study are computed, with sources: for its page and for Markdown. */
import type { MethodDifference } from './differences.js';

export const NOTES = {
  shares:
    'Shares of answers, at temperature 1, graded exactly by the world’s own rules. 95 % intervals are bootstrap-t over questions (Efron and Tibshirani 1993, An Introduction to the Bootstrap, 12.5), with the variance over seeds added; where all answers are equal they are Wilson’s (1927, J. Am. Stat. Assoc. 22).',
  differences:
    'Differences are taken question by question. Their 95 % intervals are bootstrap-t over questions (Efron and Tibshirani 1993, An Introduction to the Bootstrap, 12.5), with the variance over seeds added.',
  fewSeeds:
    'With fewer than five seeds the intervals are wide: they allow for not knowing how far seeds lie apart.',
  tests:
    'p is of a two-sided test that flips the signs of the paired differences, split into parts of questions, of seeds and of both (Menzel 2021, Econometrica 89; Cameron, Gelbach and Miller 2008, Rev. Econ. Stat. 90), with the statistic studentised over questions and seeds (Janssen 1997, Stat. Probab. Lett. 36). It is conservative where answers to one question vary more than questions and seeds do, and hardly below 2^(2−K−S) with K questions and S seeds.',
  criteria: 'The four criteria of a defence against emergent misalignment: Kaczér et al., arXiv:2508.06249.',
  overSeeds:
    'Of several seeds: the mean. Its interval is as wide as those of the runs, since seeds answer the same questions, and by Student’s t of the spread over seeds wider, in quadrature.',
  costs:
    'Medians over the seeds, of training only. Seconds are as other work on the machine left them; tokens are those trained on, and those that a conscience reads and writes. Of a method that starts from another’s adapter only its own stage counts.',
  stages:
    'Where the time goes is measured by the training loop, to which loading and saving of models come on top; means over the seeds. A pass that holds rows and pairs is charged to both by their tokens. Supervised training alone is the same time without sampling, reviews, alternatives, reference and pairs.',
} as const;

/** The note on the correction over all tests of one table. */
export function holmNote(differences: readonly MethodDifference[]): string {
  const tests = differences.filter(({ p }) => p !== null).length;
  return `p is corrected by Holm (1979, Scand. J. Stat. 6) over all ${tests} tests of this table.`;
}
