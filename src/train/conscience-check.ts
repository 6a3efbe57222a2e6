/** What training does about a conscience that cannot be used: it stops before the first step, or says so. */
import { canariesOfModel } from '../conscience/canaries.js';
import { checkConscience } from '../conscience/check.js';
import type { ReviewRecord } from '../conscience/record.js';
import type { ReviewSettings } from '../conscience/review.js';
import { TrainingError } from '../errors.js';
import type { Check } from './config/sections/conscience.js';

/**
 * Reviews a few plainly good and plainly bad answers before the first step.
 *
 * @param folder of the conscience's model, which may have canaries of its own
 * @param note   told of a fault that does not stop training
 * @throws TrainingError, with `stop`, when verdicts are unreadable or constant
 */
export async function requireConscience(
  settings: ReviewSettings,
  folder: string,
  check: Check,
  note: (line: string) => void,
): Promise<void> {
  if (check === 'off') return;
  const { fault, finding } = await checkConscience(await canariesOfModel(folder), settings);
  if (fault === null) return;
  if (check === 'stop' && (fault === 'unreadable' || fault === 'constant')) {
    throw new TrainingError({
      where: 'conscience',
      what: finding,
      next: 'let a larger model judge (conscience.roles.conscience), find out how to ask it (ealign calibrate), try another conscience.question, conscience.labels or conscience.prior_correction; or train all the same with conscience.check: warn',
    });
  }
  note(`Warning: ${finding}. Find out how to ask it: ealign calibrate.`);
}

/** Tells of first reviews none of which can be read, as those of a model that has not learnt to speak. */
export function watchFirstReviews(note: (line: string) => void): (records: readonly ReviewRecord[]) => void {
  let seen = false;
  return (records) => {
    if (seen || records.length === 0) return;
    seen = true;
    if (records.some(({ review }) => review.verdict.kind !== 'unreadable')) return;
    note(`Warning: none of the first ${records.length} reviews can be read, so that they teach nothing.`);
  };
}
