/**
 * Replaces a flagged response by an ethical alternative, which is reviewed like any other.
 *
 * Training makes pairs of it, the zero-shot setting answers with it.
 */
import { CostMeter } from '../metrics/costs.js';
import type { Response, Usage } from '../values/conversation.js';
import {
  type Alternative,
  type AlternativeSettings,
  type Unfinished,
  wholeOf,
  writeAlternatives,
} from './alternative.js';
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
  /** What becomes of an alternative that the token limit ended. Default `drop`. */
  readonly unfinished?: Unfinished;
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
  const { format, alternativeFormat = format, unfinished = 'drop', meter = new CostMeter() } = settings;
  const written = await meter.during('alternatives', () =>
    writeAlternatives(flagged, { ...settings, format: alternativeFormat }),
  );
  const found = written.map((alternative, i): Replacement => {
    const whole = wholeOf(alternative.response, unfinished);
    const response = whole ?? alternative.response;
    const reason = flawOf({ ...alternative, response }, flagged[i].response, {
      ended: whole !== undefined,
      allowRefusals: settings.allowRefusals ?? false,
    });
    return { alternative: { ...alternative, response, review: null }, reason };
  });
  if (settings.reviewAlternatives === false) return found;
  const worthy = found.map((_, i) => i).filter((i) => found[i].reason === null);
  const asked = worthy.map((i) => ({ prompt: flagged[i].prompt, response: found[i].alternative!.response }));
  const onUsage = (k: number, usage: Usage) => settings.onUsage?.(worthy[k], usage);
  const reviews = await meter.during('alternative_reviews', () =>
    reviewMany(asked, { ...settings, onUsage }),
  );
  for (const [k, i] of worthy.entries()) {
    const review = reviews[k];
    found[i] = {
      alternative: { ...found[i].alternative!, review },
      reason: SECOND_REASON[review.verdict.kind],
    };
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
  { ended, allowRefusals }: { readonly ended: boolean; readonly allowRefusals: boolean },
): NoPairReason | null {
  if (response.text === '') return 'alternative-empty';
  if (!ended) return 'alternative-unfinished';
  // of one that the limit ended its last sentence may have been left out
  const cut = response.finish !== 'stop' && rejected.text.trim().startsWith(response.text);
  if (cut || response.text === rejected.text.trim()) return 'alternative-identical';
  if (refusal && !allowRefusals) return 'alternative-refusal';
  return null;
}
