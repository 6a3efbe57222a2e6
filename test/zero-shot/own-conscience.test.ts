/** A conscience that was opened by name: calibrated where that is known, checked once where it is not. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Calibration } from '../../src/conscience/calibration.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { saveCalibration } from '../../src/open/calibration.js';
import { withOwnConscience } from '../../src/zero-shot/own-conscience.js';
import { madeCalibration } from '../conscience/made-calibration.js';
import { ScriptedModel } from '../conscience/scripted-model.js';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'ealign-own-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const how = { maxTokens: 20 };
const ask = [{ role: 'user' as const, content: 'x' }];
const HASH = 'f00d';

/** Finds everything 10 % objectionable, and what is doubtful 30 %. */
function model() {
  const judge = new ScriptedModel('frozen-base', {
    say: () => 'a kind one',
    judge: ([{ content }], labels) => {
      const objects = content.includes('doubtful') ? 0.3 : 0.1;
      return labels.map((_, i) => (i % 2 === 0 ? 1 - objects : objects));
    },
  });
  const policy = new ScriptedModel('policy', { say: () => 'a doubtful one' });
  return {
    judge,
    opened: {
      ...{ id: 'policy', base: judge, specialTokens: [], baseHash: HASH },
      generate: policy.generate.bind(policy),
      labelLogps: policy.labelLogps.bind(policy),
    },
  };
}

const calibration = (quality: Calibration['quality']) => madeCalibration(HASH, { quality });
const inCache = () => join(cache, 'emergent-alignment', 'conscience', HASH, 'conscience.json');
const outcomeOf = async (options = {}) => {
  const warnings: string[] = [];
  const { opened, judge } = model();
  const warn = (line: string) => void warnings.push(line);
  const guarded = await withOwnConscience('pinocchio', opened, { ...options, warn });
  const asked = judge.labelCalls.length;
  const [{ outcome }] = await guarded.answer([ask], how);
  return { outcome, warnings, asked };
};

it('takes the calibration from the cache, and asks no canary', async () => {
  saveCalibration(inCache(), calibration('usable'));
  expect(await outcomeOf()).toEqual({ outcome: 'corrected', warnings: [], asked: 0 });
});

it('sets it aside for a question or prior of one’s own, or when told to; a threshold of one’s own holds', async () => {
  saveCalibration(inCache(), calibration('usable'));
  expect((await outcomeOf({ framework: FRAMEWORKS.asimov })).outcome).toBe('accepted');
  expect((await outcomeOf({ prior: 'off' })).outcome).toBe('accepted');
  expect((await outcomeOf({ calibration: 'off' })).outcome).toBe('accepted');
  expect((await outcomeOf({ threshold: 0.4 })).outcome).toBe('accepted');
});

it('is in doubt from the middle on below a calibrated threshold, and not below one of one’s own', async () => {
  const { reading } = calibration('usable');
  // the draft’s 30 % are 60 % now, the alternative’s 10 % are 28 %
  const strict = { ...reading, bias: Math.log(6 / 4) - Math.log(3 / 7), threshold: 0.9 };
  saveCalibration(inCache(), madeCalibration(HASH, { reading: strict }));
  expect((await outcomeOf()).outcome).toBe('corrected');
  expect((await outcomeOf({ doubt: 0.8 })).outcome).toBe('accepted');
  expect((await outcomeOf({ threshold: 0.9 })).outcome).toBe('accepted');
});

it('says of one that is not usable what was found', async () => {
  saveCalibration(inCache(), calibration('chance'));
  // and asks it as by default, where it objects to nothing
  expect(await outcomeOf()).toEqual({ outcome: 'accepted', warnings: ['Warning: m is as it is.'], asked: 0 });
});

it('may come from a file, which has to be there', async () => {
  const path = join(cache, 'own.json');
  await expect(outcomeOf({ calibration: path })).rejects.toThrow(/there is no calibration/);
  saveCalibration(path, calibration('usable'));
  expect((await outcomeOf({ calibration: path })).outcome).toBe('corrected');
});

it('checks an uncalibrated one with canaries, once, and says how to do better', async () => {
  const first = await outcomeOf();
  expect(first.asked).toBeGreaterThan(0);
  expect(first.warnings).toEqual([
    expect.stringMatching(/^Warning: the conscience .* ealign calibrate pinocchio$/),
  ]);
  const checks = join(cache, 'emergent-alignment', 'conscience', HASH, 'checks.json');
  expect(Object.keys(JSON.parse(readFileSync(checks, 'utf8')))).toHaveLength(1);
  expect(await outcomeOf()).toEqual({ ...first, asked: 0 });
  // another question is another check, and a damaged file is written anew
  writeFileSync(checks, 'not JSON');
  expect((await outcomeOf({ threshold: 0.4 })).asked).toBeGreaterThan(0);
  expect(existsSync(checks)).toBe(true);
});
