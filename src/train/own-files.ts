/**
 * Files in an output folder that no run has written: a project's README.md, a model's tokenizer, a configuration.
 *
 * A run writes and deletes files of these names, so that it starts only where there are none, or an earlier run left them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIT_FILE } from '../conscience/audit.js';
import { CALIBRATION_FILE } from '../conscience/calibration.js';
import { TrainingError } from '../errors.js';
import { METRICS_FILE } from '../metrics/writer.js';
import { CONFIG_FILE, isRunConfig } from './config/render.js';
import { MLFLOW_FILE } from './mlflow/reporter.js';
import { resultNames } from './result.js';

const runNames = [CONFIG_FILE, METRICS_FILE, AUDIT_FILE, CALIBRATION_FILE, MLFLOW_FILE];

/**
 * For a folder without checkpoints and weights.
 *
 * @throws TrainingError when a new run would replace files that no run has written
 */
export function requireOwnFiles(output: string): void {
  const config = join(output, CONFIG_FILE);
  if (existsSync(config) && isRunConfig(readFileSync(config, 'utf8'))) return;
  const held = [...runNames, ...resultNames].filter((name) => existsSync(join(output, name)));
  if (held.length === 0) return;
  throw new TrainingError({
    where: output,
    what: `the folder holds ${held.join(', ')}, which a run would replace, and which no run has written`,
    expected: 'a folder for the run alone',
    next: 'choose another --output',
  });
}
