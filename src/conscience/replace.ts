/**
 * Replaces a flagged response by an ethical alternative, which is reviewed like any other.
 *
 * Training makes pairs of it, the zero-shot setting answers with it.
 */
import { CostMeter } from '../metrics/costs.js';
import type { Response, Usage } from '../values/conversation.js';
import { type Alternative, type AlternativeSettings, writeAlternatives } from './alternative.js';
import type { ReviewFormat } from './format.js';
import type { AlternativeRecord, NoPairReason } from './record.js';
import { type ReviewItem, type ReviewSettings, reviewMany } from './review.js';

/** The alternative to a response, and why it will not do. */
export interface Replacement {
  readonly alternative: AlternativeRecord | null;
  /** Null where it will. */
  readonly reason: NoPairReason | null;
}

export interface ReplaceSettings extends ReviewSettings, AlternativeSettings {
  /** How the alternative is asked for. Default: `format`. */
  readonly alternativeFormat?: ReviewFormat;
  /** Whether a refusal will do. Default false. */
  readonly allowRefusals?: boolean;
  /** Whether an alternative is reviewed itself. Default true. */
  readonly reviewAlternatives?: boolean;
  /** Told how long each of the two batches takes. */
  readonly meter?: CostMeter;
}

/** Writes one alternative per response, and reviews those that are worth it: two batches. In order. */
export async function replace(
  flagged: readonly ReviewItem[],
  settings: ReplaceSettings,
): Promise<Replacement[]> {
  if (flagged.length === 0) return [];
  const { format, alternativeFormat = format, meter = new CostMeter() } = settings;
  const written = await meter.during('alternatives', () =>
    writeAlternatives(flagged, { ...settings, format: alternativeFormat }),
  );
  const found = written.map((alternative, i): Replacement => {
    const reason = flawOf(alternative, flagged[i].response, settings.allowRefusals);
    return { alternative: { ...alternative, review: null }, reason };
  });
  if (settings.reviewAlternatives === false) return found;
  const worthy = found.map((_, i) => i).filter((i) => found[i].reason === null);
  const asked = worthy.map((i) => ({ prompt: flagged[i].prompt, response: written[i].response }));
  const onUsage = (k: number, usage: Usage) => settings.onUsage?.(worthy[k], usage);
  const reviews = await meter.during('alternative_reviews', () =>
    reviewMany(asked, { ...settings, onUsage }),
  );
  for (const [k, i] of worthy.entries()) {
    const review = reviews[k];
    found[i] = { alternative: { ...written[i], review }, reason: SECOND_REASON[review.verdict.kind] };
  }
  return found;
}

/** What the verdict on an alternative means. */
const SECOND_REASON = {
  accepted: null,
  objected: 'alternative-flagged',
  unreadable: 'alternative-unreadable',
} as const;

/** What makes an alternative not worth a review; null where nothing does. */
function flawOf(
  { response, refusal }: Alternative,
  rejected: Response,
  allowRefusals = false,
): NoPairReason | null {
  if (response.text === '') return 'alternative-empty';
  if (response.finish === 'length') return 'alternative-unfinished';
  if (response.text === rejected.text.trim()) return 'alternative-identical';
  if (refusal && !allowRefusals) return 'alternative-refusal';
  return null;
}
