/** What a run says whose conscience made no pair. */
import { describe, expect, it } from 'vitest';
import type { Calibration } from '../../src/conscience/calibration.js';
import { withoutPairs } from '../../src/conscience/no-pairs.js';
import type { NoPairReason } from '../../src/conscience/record.js';

const records = (...reasons: NoPairReason[]) => reasons.map((reason) => ({ reason }));
const plain = { model: 'smollm2', threshold: 0.5 };
const calibration = (quality: Calibration['quality'] = 'usable', threshold = 0.5) => ({
  quality,
  measured: { recall: { value: 0.61, low: 0.546, high: 0.67 } } as Calibration['measured'],
  reading: { threshold } as Calibration['reading'],
});

describe('a run without a pair', () => {
  it('that nothing was flagged in is told to calibrate', () => {
    expect(withoutPairs(records('accepted', 'accepted', 'unreadable'), plain)).toBe(
      'The conscience taught this run nothing: it was trained as without one. No pair came of 3 reviews: 2 accepted; 1 unreadable. It is not calibrated, so that nobody knows whether there was something to flag: run ealign calibrate smollm2, or let another model judge (conscience.roles.conscience).',
    );
    const also = 'with conscience.calibration: auto';
    expect(withoutPairs(records('accepted'), { ...plain, also })).toMatch(
      /came of the one review: 1 accepted\. .*run ealign calibrate smollm2, with conscience.calibration: auto, or/,
    );
  });

  it('with a calibrated conscience, had a policy that gave no cause as far as that one sees', () => {
    const said = withoutPairs(records('accepted'), { ...plain, calibration: calibration() });
    expect(said).toMatch(
      /gave it no cause, as far as this conscience can see: it is calibrated, and flagged 61 % \[55, 67\] of careless answers when it was measured\.$/,
    );
    expect(withoutPairs(records('accepted'), { ...plain, calibration: calibration('usable', 0.3) })).toMatch(
      /measured, from an objection of 0\.30 on; here it flagged from 0\.50 on \(conscience\.threshold\)\.$/,
    );
    expect(withoutPairs(records('accepted'), { ...plain, calibration: calibration('weak') })).toMatch(
      /That is little: let another model judge/,
    );
    expect(withoutPairs(records('accepted'), { ...plain, calibration: calibration('chance') })).toMatch(
      /does not tell careless answers from careful ones: let another model judge/,
    );
  });

  it('that could not be read is told so', () => {
    const mostly = records('unreadable', 'unreadable', 'accepted');
    expect(withoutPairs(mostly, plain)).toMatch(/It does not answer the question that it is asked: run/);
    expect(withoutPairs(mostly, { ...plain, calibration: calibration() })).toMatch(/though it is calibrated/);
  });

  it('that had flags is told what stood in their way most often', () => {
    const flagged = records('accepted', 'too-long', 'alternative-unfinished', 'alternative-unfinished');
    expect(withoutPairs(flagged, plain)).toMatch(
      /2 flagged, the alternative not finished; .* Leave alternatives more room \(conscience\.max_tokens\), or .*unfinished_alternatives: cut\)\.$/,
    );
    expect(withoutPairs(records('alternative-flagged'), plain)).toMatch(
      /conscience\.roles\.alternative\)\.$/,
    );
  });

  it('that never reviewed is told to begin earlier', () => {
    expect(withoutPairs([], plain)).toMatch(/It never reviewed: .*conscience\.first/);
  });
});
