/**
 * Log-probabilities of labels from the few likeliest tokens that endpoints show.
 *
 * Follows every way in which tokens can spell the label. Along the sampled answer each
 * step is known. Off it the rest of a label is asked for, where the endpoint continues an
 * answer that is begun; where it does not, the rest counts as certain, so that the value is
 * an upper bound (a label that is one token is exact either way).
 */

import type { RemoteError } from '../../errors.js';
import type { TokenStep } from './completion.js';
import { noLogprobs } from './failure.js';

/** What the model says next when its answer already begins with `begun`. */
export type Continue = (begun: string) => Promise<readonly TokenStep[]>;

export interface LabelQuestion {
  readonly labels: readonly string[];
  /** The sampled answer from where the label is expected. */
  readonly steps: readonly TokenStep[];
  /** What the answer has been made to begin with. */
  readonly begun: string;
  /** Undefined where the endpoint cannot continue an answer. */
  readonly next?: Continue;
  /** The endpoint, for errors. */
  readonly name: string;
}

/** A way less likely than this is not asked about: its bound is as good. */
const NEGLIGIBLE = Math.log(1e-4);
/** A way that adds less than this share to the others is not asked about either. */
const SMALL_SHARE = Math.log(0.01);
/** Log-probability that stands for "never seen". */
const UNSEEN = Math.log(2 ** -52);

/**
 * Log-probability of each label, nats.
 *
 * A label that is not among the shown tokens gets the most that it could have: no more than
 * the least likely of them, and no more than what they leave over.
 *
 * @throws RemoteError when two labels begin alike and the endpoint cannot tell them apart
 */
export async function labelLogps(question: LabelQuestion): Promise<number[]> {
  const logps: number[] = [];
  for (const label of question.labels)
    logps.push(await reach(label, label, question.steps, 0, question.begun, question));
  return logps;
}

/** @param rest what is still missing of the label */
async function reach(
  label: string,
  rest: string,
  steps: readonly TokenStep[],
  at: number,
  begun: string,
  question: LabelQuestion,
): Promise<number> {
  if (at >= steps.length) {
    if (question.next === undefined || steps.length === 0) return bound(label, rest, question);
    const further = await question.next(begun);
    return further.length === 0 ? UNSEEN : reach(label, rest, further, 0, begun, question);
  }
  const step = steps[at];
  const ways = step.top.flatMap(({ token, logp }) => {
    const piece = rest === label && !/^\s/.test(label) ? token.trimStart() : token;
    // A token of white space alone counts only where the answer continues from it.
    const fits = piece === '' ? token !== '' && token === step.token : rest.startsWith(piece);
    return fits ? [{ token, logp, left: rest.slice(piece.length) }] : [];
  });
  // First those that need no further question: they say which of the others matter.
  const known = ({ token, left }: (typeof ways)[number]) => left === '' || token === step.token;
  let total = Number.NEGATIVE_INFINITY;
  for (const way of [...ways.filter(known), ...ways.filter((way) => !known(way))]) {
    const { token, logp, left } = way;
    let logpOfRest = 0;
    if (left !== '') {
      const longer = begun + token;
      if (token === step.token) logpOfRest = await reach(label, left, steps, at + 1, longer, question);
      else if (logp < NEGLIGIBLE || logp < total + SMALL_SHARE) logpOfRest = 0;
      else if (question.next === undefined) logpOfRest = bound(label, left, question);
      else logpOfRest = await reach(label, left, await question.next(longer), 0, longer, question);
    }
    total = addLogs(total, logp + logpOfRest);
  }
  return ways.length > 0 ? Math.max(UNSEEN, total) : mostLeft(step);
}

/** The rest counts as certain, unless another label might be meant. */
function bound(label: string, rest: string, { labels, name }: LabelQuestion): number {
  if (rest === label) return UNSEEN;
  const start = label.slice(0, label.length - rest.length);
  const other = labels.find((one) => one !== label && one.startsWith(start));
  if (other !== undefined) throw alike(label, other, start, name);
  return 0;
}

function alike(label: string, other: string, start: string, name: string): RemoteError {
  return noLogprobs(
    name,
    `only the token '${start}', with which both '${label}' and '${other}' begin`,
    'choose labels that begin differently, or set prefill where the endpoint continues a begun answer',
  );
}

/** The most that a token outside the shown ones can have. */
function mostLeft({ top }: TokenStep): number {
  const least = top.at(-1)?.logp ?? 0;
  const shown = top.reduce((sum, { logp }) => sum + Math.exp(logp), 0);
  return Math.max(UNSEEN, Math.min(least, Math.log(Math.max(0, 1 - shown))));
}

function addLogs(a: number, b: number): number {
  const high = Math.max(a, b);
  return high === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(Math.min(a, b) - high));
}
