/** A run takes the calibration of its conscience, keeps it, and goes on with it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readAudit } from '../../src/conscience/audit.js';
import { FRAMEWORKS } from '../../src/conscience/frameworks.js';
import { encodeDirection } from '../../src/conscience/probe.js';
import { type ProgressState, silent } from '../../src/metrics/progress.js';
import { calibrationPath, readCalibration, saveCalibration } from '../../src/open/calibration.js';
import { openModel } from '../../src/open/model.js';
import { calibrationOfRun } from '../../src/train/calibration.js';
import { parseConfig } from '../../src/train/config/load.js';
import { runTrain } from '../../src/train/run.js';
import { madeCalibration } from '../conscience/made-calibration.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ealign-calibrated-'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const calibration = (hash: string) =>
  madeCalibration(hash, {
    reading: {
      parts: [
        { framework: FRAMEWORKS.asimov, weight: 0.5 },
        { framework: FRAMEWORKS.virtue, weight: 0.5 },
      ],
      ...{ bias: 0.25, prior: 'off', threshold: 0.3 },
    },
    sentence: 'pinocchio is usable.',
  });

const configOf = (conscience = '') =>
  parseConfig(`model: pinocchio\ndata: rows.jsonl\nconscience: { ${conscience} }`);
const asked = async (conscience = '', others = new Map(), engine = {}) => {
  const notes: string[] = [];
  const found = await calibrationOfRun(
    { config: { ...configOf(conscience), ...engine }, model: { hash: 'f00d' } as never },
    { others, note: (line) => void notes.push(line) },
  );
  return { found, notes };
};

it('is that of the frozen base, and says so', async () => {
  saveCalibration(calibrationPath('f00d'), calibration('f00d'));
  const { found, notes } = await asked();
  expect(found).toEqual(calibration('f00d'));
  expect(notes).toEqual([
    expect.stringMatching(/^The conscience is calibrated \(.*conscience\.json\): pinocchio is usable\.$/),
  ]);
});

it('is another model’s where that is the conscience, and nobody’s where a policy judges', async () => {
  saveCalibration(calibrationPath('beef'), calibration('beef'));
  const other = new Map([['pinocchio', { model: { baseHash: 'beef' } }]]);
  expect((await asked('roles: { conscience: pinocchio }', other)).found?.model.hash).toBe('beef');
  saveCalibration(calibrationPath('f00d'), calibration('f00d'));
  expect((await asked('roles: { conscience: policy }')).found).toBeUndefined();
  expect((await asked('calibration: "off"')).found).toBeUndefined();
});

it.each(['question: virtue', 'labels: [yes, no]', 'prior_correction: neutral'])(
  'is set aside by %s',
  async (own) => {
    saveCalibration(calibrationPath('f00d'), calibration('f00d'));
    const { found, notes } = await asked(own);
    expect(found).toBeUndefined();
    expect(notes).toEqual([expect.stringMatching(/is set aside/)]);
  },
);

it('is set aside where it reads hidden states that the engine does not give', async () => {
  const probe = { layer: 0, direction: encodeDirection(Float32Array.of(1, 2)), centre: 0, priorTokens: 8 };
  const parts = [{ framework: FRAMEWORKS.asimov, weight: 1, probe }];
  const reading = { ...calibration('f00d').reading, parts };
  saveCalibration(calibrationPath('f00d'), { ...calibration('f00d'), reading });
  expect((await asked()).found?.reading.parts).toEqual(parts);
  const { found, notes } = await asked('', new Map(), { engine: 'torch' });
  expect(found).toBeUndefined();
  expect(notes).toEqual([expect.stringMatching(/hidden states.*'torch'.*--reading labels$/)]);
});

it('reviews by it in training, keeps it in the run’s folder, and resumes with that', async () => {
  const model = await openModel('pinocchio');
  saveCalibration(calibrationPath(model.baseHash), calibration(model.baseHash));
  await model.close();
  const output = join(folder, 'run');
  const data = join(folder, 'rows.jsonl');
  writeFileSync(data, JSON.stringify({ prompt: 'hello', completion: 'hello to you .' }));
  const config = parseConfig(
    JSON.stringify({
      ...{ model: 'pinocchio', data, output },
      training: { steps: 2, batch_size: 1, log_every: 1 },
      conscience: { samples: 1, every: 1, cadence: 'steps', max_tokens: 8 },
    }),
  );
  const notes: string[] = [];
  const progress = { ...silent, note: (line: string) => void notes.push(line) };
  const stop = new AbortController();
  const stopping = {
    ...progress,
    update: ({ step, loss }: ProgressState) => void (loss !== undefined && step === 1 && stop.abort()),
  };
  await (await runTrain(config, { progress: stopping, signal: stop.signal })).engine.close();
  expect(notes.join('\n')).toContain('pinocchio is usable.');
  const [{ review }] = readAudit(output);
  expect(review).toMatchObject({ threshold: 0.3, weight: 0.5, bias: 0.25, further: [{ weight: 0.5 }] });
  expect(readCalibration(join(output, 'calibration.json')).reading.threshold).toBe(0.3);
  // a new calibration in the cache changes nothing of a run that has begun
  const other = { ...calibration(model.baseHash), reading: { ...calibration('').reading, threshold: 0.9 } };
  saveCalibration(calibrationPath(model.baseHash), other);
  await (await runTrain(config, { progress, resume: true })).engine.close();
  expect(readAudit(output).map((record) => record.review.threshold)).toEqual([0.3, 0.3]);
});
