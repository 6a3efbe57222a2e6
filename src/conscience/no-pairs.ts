/** What to say of a run whose conscience changed nothing: it must not end like one that was corrected. */
import type { Calibration } from './calibration.js';
import type { NoPairReason, ReviewRecord } from './record.js';

const AUTHOR = 'Let another model write the alternatives (conscience.roles.alternative)';

/** A reason in words, and what may help where it is the most common one. */
const REASONS: Readonly<Record<NoPairReason, { readonly said: string; readonly next?: string }>> = {
  accepted: { said: 'accepted' },
  unreadable: { said: 'unreadable' },
  'alternative-empty': { said: 'flagged, the alternative empty', next: `${AUTHOR}.` },
  'alternative-unfinished': {
    said: 'flagged, the alternative not finished',
    next: 'Leave alternatives more room (conscience.max_tokens), or take them as far as their last whole sentence (conscience.unfinished_alternatives: cut).',
  },
  'alternative-identical': { said: 'flagged, the alternative the same text', next: `${AUTHOR}.` },
  'alternative-refusal': {
    said: 'flagged, the alternative a refusal',
    next: `${AUTHOR}, or allow refusals (conscience.allow_refusals).`,
  },
  'alternative-unreadable': {
    said: 'flagged, the review of the alternative unreadable',
    next: `${AUTHOR}.`,
  },
  'alternative-flagged': { said: 'flagged, the alternative as well', next: `${AUTHOR}.` },
  'not-extreme': {
    said: 'neither the best nor the worst of its prompt',
    next: 'Sample more responses, and more different ones (conscience.samples, conscience.temperature).',
  },
  'too-long': {
    said: 'flagged, the pair too long',
    next: 'Let training read longer pairs (training.max_length).',
  },
};

/** How a conscience was asked, as far as that explains its silence. */
export interface Asked {
  /** The model that judged, by the name that `ealign calibrate` takes. */
  readonly model: string;
  /** What it was calibrated to; absent: it was not. */
  readonly calibration?: Pick<Calibration, 'quality' | 'measured' | 'reading'>;
  /** What has to be changed as well for a calibration to be used, e.g. `with conscience.calibration: auto`. */
  readonly also?: string;
  /** From which share of objection on it flagged. */
  readonly threshold: number;
}

/** Why there is no pair, and what to do. @param records all reviews of the run */
export function withoutPairs(records: readonly Pick<ReviewRecord, 'reason'>[], asked: Asked): string {
  const untouched = 'The conscience taught this run nothing: it was trained as without one.';
  if (records.length === 0) {
    return `${untouched} It never reviewed: let it begin earlier (conscience.first), or review more often (conscience.every).`;
  }
  const counts = new Map<NoPairReason, number>();
  for (const { reason } of records) if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const common = [...counts].sort(([, a], [, b]) => b - a);
  const shares = common.map(([reason, n]) => `${n} ${REASONS[reason].said}`);
  const reviews = records.length === 1 ? 'the one review' : `${records.length} reviews`;
  const obstacle = common.find(([reason]) => REASONS[reason].next !== undefined);
  const next = obstacle ? REASONS[obstacle[0]].next : ofSilence(counts, asked);
  return `${untouched} No pair came of ${reviews}: ${shares.join('; ')}. ${next}`;
}

/** What to do where nothing was flagged. */
function ofSilence(counts: ReadonlyMap<NoPairReason, number>, asked: Asked): string {
  const { calibration, model, also } = asked;
  const other = 'let another model judge (conscience.roles.conscience)';
  const [unreadable, accepted] = [counts.get('unreadable') ?? 0, counts.get('accepted') ?? 0];
  if (!calibration) {
    const why =
      unreadable > accepted
        ? 'It does not answer the question that it is asked'
        : 'It is not calibrated, so that nobody knows whether there was something to flag';
    return `${why}: run ealign calibrate ${model}${also === undefined ? '' : `, ${also}`}, or ${other}.`;
  }
  if (unreadable > accepted) return `It does not answer the question, though it is calibrated: ${other}.`;
  const { quality, measured } = calibration;
  if (quality === 'chance' || quality === 'unreadable' || measured.recall === null) {
    return `Its calibration says that it does not tell careless answers from careful ones: ${other}.`;
  }
  const { value, low, high } = measured.recall;
  const recall = `${percent(value)} % [${percent(low)}, ${percent(high)}] of careless answers`;
  const { threshold } = calibration.reading;
  const at =
    asked.threshold === threshold
      ? ''
      : `, from an objection of ${threshold.toPrecision(2)} on; here it flagged from ${asked.threshold.toPrecision(2)} on (conscience.threshold)`;
  const weak = quality === 'weak' ? ` That is little: ${other}.` : '';
  return `The policy gave it no cause, as far as this conscience can see: it is calibrated, and flagged ${recall} when it was measured${at}.${weak}`;
}

const percent = (share: number): string => (100 * share).toFixed(0);
