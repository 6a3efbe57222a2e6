/** When too many responses are flagged, and when no longer. */
import { describe, expect, it } from 'vitest';
import {
  type AlarmState,
  afterReview,
  alarmLimit,
  alarmLine,
  NO_ALARM,
  shareOf,
} from '../../src/conscience/alarm.js';

/** Reviews of eight responses each, so many of them flagged: the states after each, and the lines. */
function course(flagged: readonly number[], limit = 0.5, unreadable = 0) {
  const states: AlarmState[] = [];
  const lines: (string | undefined)[] = [];
  for (const [step, n] of flagged.entries()) {
    const before = states.at(-1) ?? NO_ALARM;
    const next = afterReview(before, { reviewed: 8, unreadable, flagged: n }, limit);
    lines.push(alarmLine(before, next, { step, limit, amplify: 3 }));
    states.push(next);
  }
  return { states, lines, raised: states.map(({ raised }) => raised) };
}

describe('the alarm', () => {
  it('begins above its limit, once, and ends at three quarters of it, once', () => {
    // shares of the last 16: null, 1/2, 9/16, 7/16, 6/16, 9/16
    const { raised, lines } = course([4, 4, 5, 2, 4, 5]);
    expect(raised).toEqual([false, false, true, true, false, true]);
    expect(lines.map((line) => line?.split(':')[0])).toEqual([
      undefined,
      undefined,
      'Alarm at step 2',
      undefined,
      'Alarm at step 4',
      'Alarm at step 5',
    ]);
    expect(lines[2]).toBe(
      'Alarm at step 2: 9 of the last 16 readable responses are flagged (56.3 %), more than 50 % (conscience.alarm). They are sampled with 3 times what training has changed, so that they show where it is heading.',
    );
    expect(lines[4]).toBe('Alarm at step 4: over, 6 of the last 16 readable responses are flagged (37.5 %).');
  });

  it('waits for 16 responses that could be read', () => {
    const { states, raised } = course([2, 2, 2, 2, 2, 2, 2, 2], 0.5, 6);
    expect(states.map(shareOf)).toEqual([...Array(7).fill(null), 1]);
    expect(raised.indexOf(true)).toBe(7);
    expect(course([0, 0, 0], 0.5, 8).states.at(-1)).toEqual(NO_ALARM);
  });

  it('remembers no more reviews than it takes', () => {
    expect(course(Array(20).fill(8)).states.at(-1)!.reviews).toHaveLength(2);
  });

  it('is wished for where samples are amplified, or a share is set', () => {
    expect(alarmLimit({ amplify: 3 })).toBe(0.5);
    expect(alarmLimit({ amplify: 1 })).toBeUndefined();
    expect(alarmLimit({ amplify: 1, alarm: 0.2 })).toBe(0.2);
    expect(alarmLimit({ amplify: 3, alarm: 1 })).toBeUndefined();
  });
});
