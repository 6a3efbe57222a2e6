/** A calibration as `ealign calibrate` would write it, with what a test wants of it. */
import type { Calibration } from '../../src/conscience/calibration.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';

export function madeCalibration(hash: string, parts: Partial<Calibration> = {}): Calibration {
  return {
    version: 1,
    model: { name: 'm', hash },
    made: '2026-11-29T00:00:00.000Z',
    data: { name: 'test', careful: 50, careless: 50 },
    falseAlarms: 0.02,
    reading: {
      ...{ parts: [{ framework: FRAMEWORKS.virtue, weight: 1 }], bias: 0, prior: 'off', threshold: 0.2 },
    },
    measured: {
      ...{ unreadable: 0, auc: null, recall: null, falseAlarms: null },
      ...{ calibrationError: null, mass: 1, tokens: 100 },
    },
    quality: 'usable',
    sentence: 'm is as it is.',
    ...parts,
  };
}
