/**
 * An early warning: the share of responses that are flagged leaves its band.
 *
 * It is meant for responses of an amplified policy (`conscience.amplify`): they are what training is heading for, and
 * are flagged before the policy's own are. The share is that of the last reviews that have enough readable responses
 * together; the alarm ends well below the limit at which it begins, so that it does not come and go.
 */
import type { ConscienceCounts } from './metrics.js';

/** Readable responses that a share is told of. */
const LEAST_READABLE = 16;
/** The alarm ends at this part of the limit. */
const ENDS_AT = 0.75;
/** The limit of amplified samples where none is set. */
const LIMIT = 0.5;

/** Readable and flagged responses of one review. */
interface Review {
  readonly readable: number;
  readonly flagged: number;
}

/** Plain JSON. */
export interface AlarmState {
  /** The last reviews, oldest first: no more than it takes. */
  readonly reviews: readonly Review[];
  readonly raised: boolean;
}

export const NO_ALARM: AlarmState = { reviews: [], raised: false };

/** The largest share that is allowed; undefined where no alarm is wished for. */
export function alarmLimit(conscience: { alarm?: number; amplify: number }): number | undefined {
  const { alarm = conscience.amplify > 1 ? LIMIT : 1 } = conscience;
  return alarm < 1 ? alarm : undefined;
}

/** The state after one more review. @param limit as a share */
export function afterReview(
  { reviews: before, raised }: AlarmState,
  { reviewed, unreadable, flagged }: Pick<ConscienceCounts, 'reviewed' | 'unreadable' | 'flagged'>,
  limit: number,
): AlarmState {
  const readable = reviewed - unreadable;
  const reviews = readable > 0 ? [...before, { readable, flagged }] : [...before];
  while (sumOf(reviews.slice(1)).readable >= LEAST_READABLE) reviews.shift();
  const share = shareOf({ reviews });
  return { reviews, raised: share === null ? raised : share > (raised ? ENDS_AT : 1) * limit };
}

/** Flagged share of the last responses; null until enough could be read. */
export function shareOf({ reviews }: Pick<AlarmState, 'reviews'>): number | null {
  const { readable, flagged } = sumOf(reviews);
  return readable < LEAST_READABLE ? null : flagged / readable;
}

/**
 * What to tell of a state, in one line; undefined where the alarm neither begins nor ends.
 *
 * @param step of the policy that was sampled
 */
export function alarmLine(
  before: AlarmState,
  after: AlarmState,
  { step, limit, amplify }: { step: number; limit: number; amplify: number },
): string | undefined {
  if (before.raised === after.raised) return undefined;
  const { readable, flagged } = sumOf(after.reviews);
  const share = `${flagged} of the last ${readable} readable responses are flagged (${percent(flagged / readable)})`;
  if (!after.raised) return `Alarm at step ${step}: over, ${share}.`;
  const ahead =
    amplify > 1
      ? ` They are sampled with ${amplify} times what training has changed, so that they show where it is heading.`
      : '';
  return `Alarm at step ${step}: ${share}, more than ${percent(limit)} (conscience.alarm).${ahead}`;
}

const sumOf = (reviews: readonly Review[]): Review =>
  reviews.reduce(
    (sum, { readable, flagged }) => ({ readable: sum.readable + readable, flagged: sum.flagged + flagged }),
    { readable: 0, flagged: 0 },
  );
const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
