/** Sends a run that has ended to MLflow, or what MLflow did not get of it while it went on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TrainingError } from '../errors.js';
import { claimFolder } from '../files/claim.js';
import { METRICS_FILE, readMetrics } from '../metrics/writer.js';
import { loadConfig } from './config/load.js';
import { CONFIG_FILE } from './config/render.js';
import { paramsOf } from './mlflow/params.js';
import { Reporter } from './mlflow/reporter.js';
import { trackingOf } from './mlflow/tracking.js';
import { hasFinished } from './result.js';

/** Milliseconds in which a server may come back: here nothing else waits for it. */
const PATIENCE = 60_000;

/**
 * @param folder output folder of the run
 * @returns whether MLflow has all of it now
 * @throws UserError when it holds no run, or a run that goes on, or no server is named
 */
export async function sendRun(folder: string, note: (line: string) => void): Promise<boolean> {
  const missing = [CONFIG_FILE, METRICS_FILE].find((name) => !existsSync(join(folder, name)));
  if (missing !== undefined) {
    const next = 'name the output folder of a run';
    throw new TrainingError({ where: folder, what: `holds no run: there is no ${missing}`, next });
  }
  const tracking = trackingOf();
  const config = loadConfig(join(folder, CONFIG_FILE));
  claimFolder(folder);
  const before = readMetrics(folder);
  const options = { folder, params: paramsOf(config), before, tracking, note, patience: PATIENCE };
  const reporter = new Reporter(options);
  reporter.end(hasFinished(folder, config.model) ? 'FINISHED' : 'KILLED');
  const unsent = await reporter.run();
  if (unsent === null) note(`MLflow has all ${before.length} records of ${folder}.`);
  return unsent === null;
}
