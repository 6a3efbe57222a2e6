/** Calibrations that come with the package. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  calibrationOf,
  calibrationPath,
  readCalibration,
  saveCalibration,
} from '../../src/open/calibration.js';
import { madeCalibration } from '../conscience/made-calibration.js';

const folder = join(import.meta.dirname, '../../data/calibrations');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'ealign-built-in-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

it('are there for two real models, each under the hash of its weights, and tell careful from careless replies', () => {
  expect(files).toHaveLength(2);
  for (const file of files) {
    const found = readCalibration(join(folder, file));
    expect(`${found.model.hash}.json`).toBe(file);
    expect(['usable', 'weak']).toContain(found.quality);
    expect(found.measured.auc!.low).toBeGreaterThan(0.75);
    expect(found.model.name).toMatch(/^qwen/);
    expect(found.data.name).toBe('built-in, calibration split');
  }
});

it('are taken where a user has none, and give way to one of the user’s', async () => {
  const hash = files[0].replace('.json', '');
  expect((await calibrationOf('pinocchio', hash))?.path).toBe(join(folder, files[0]));
  saveCalibration(calibrationPath(hash), madeCalibration(hash));
  expect((await calibrationOf('pinocchio', hash))?.path).toBe(calibrationPath(hash));
  expect(await calibrationOf('pinocchio', 'f00d')).toBeUndefined();
});
