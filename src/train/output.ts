/**
 * The files that a run writes into its output folder: configuration, metrics, audit, checkpoints, result.
 *
 * Nothing is written before `begin`, which is called when all input has been checked.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { AUDIT_FILE, AuditWriter } from '../conscience/audit.js';
import { CALIBRATION_FILE, type Calibration } from '../conscience/calibration.js';
import type { ReviewRecord } from '../conscience/record.js';
import { SERVER_RESULT, type TrainingEngine } from '../engine/training-engine.js';
import { claimFolder } from '../files/claim.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import type { Metrics } from '../metrics/names.js';
import { MetricsWriter } from '../metrics/writer.js';
import { keepCalibration } from './calibration.js';
import {
  dropCheckpoints,
  pruneCheckpoints,
  type RunState,
  requireReplaceable,
  saveCheckpoint,
} from './checkpoint.js';
import { CONFIG_FILE, MODEL_NOTE, renderConfig, STEPS_NOTE } from './config/render.js';
import { type Reporting, startReporting } from './mlflow/beside.js';
import type { RunStatus } from './mlflow/client.js';
import { MLFLOW_FILE } from './mlflow/reporter.js';
import type { TrainPlan } from './plan.js';
import { removeResult, saveResult } from './result.js';

export class RunOutput {
  readonly folder: string;
  private metrics?: MetricsWriter;
  private audit?: AuditWriter;
  private reporting?: Reporting;

  /** @param note told in a line what a person should know */
  constructor(
    private readonly plan: TrainPlan,
    private readonly note: (line: string) => void,
  ) {
    this.folder = plan.config.output;
  }

  /**
   * Claims the folder, removes what an earlier run left in it, and writes the configuration.
   *
   * @param step of the folder's own checkpoint that is continued; undefined starts a new run
   * @param calibration of the conscience, which goes on with the run
   * @throws SaveError, or TrainingError where a new run would replace what no run has written
   */
  begin(step: number | undefined, calibration?: Calibration): void {
    const { folder } = this;
    const { config, model, modelPath, unread, schedule } = this.plan;
    if (step === undefined) requireReplaceable(folder);
    makeFolder(folder);
    claimFolder(folder);
    if (step === undefined) clearRun(folder, modelPath);
    else {
      dropCheckpoints(folder, step);
      // what a server kept of an earlier end is none of this one's
      rmSync(join(folder, SERVER_RESULT), { force: true });
      // a kill may have come between the saving of one and the deleting of another
      pruneCheckpoints(folder, config.training.keep_checkpoints);
    }
    writeFileAtomic(
      join(folder, CONFIG_FILE),
      renderConfig(config, {
        [MODEL_NOTE]: model.hash,
        [STEPS_NOTE]: String(schedule.totalSteps),
        ...(unread.length > 0 ? { data: unread.join(' ') } : {}),
      }),
    );
    if (calibration) keepCalibration(folder, calibration);
    this.metrics = new MetricsWriter(folder, step);
    if (config.report_to.includes('mlflow')) this.reporting = startReporting(config, this.note);
    if (!config.conscience.enabled) return;
    // a review of step S comes before step S + 1 is made, so that a checkpoint at S does not hold it
    this.audit = new AuditWriter(folder, step === undefined ? undefined : step - 1);
  }

  writeMetrics(step: number, values: Metrics): void {
    this.metrics!.write(step, values);
    this.reporting?.write(step, values);
  }

  /** Tells the programs that get the metrics how the run ended, and waits a while for those that have not got all. */
  async report(status: RunStatus): Promise<void> {
    await this.reporting?.end(status);
    this.reporting = undefined;
  }

  writeReviews(records: readonly ReviewRecord[]): void {
    this.audit?.append(records);
  }

  /** Saves a checkpoint and deletes the oldest. @returns its folder. @throws SaveError */
  async saveCheckpoint(state: RunState, engine: TrainingEngine): Promise<string> {
    this.audit?.sync();
    const saved = await saveCheckpoint(this.folder, state, engine, async (staging) => {
      // where a server keeps the weights, or all of them are trained, the state is all there is
      if (!engine.lora || !engine.capabilities.openWeights) return;
      await saveResult(staging, engine, this.plan, { step: state.step, metrics: this.folder });
    });
    pruneCheckpoints(this.folder, this.plan.config.training.keep_checkpoints);
    return saved;
  }
}

/** Deletes what an earlier run left in the folder, but never the model that is being trained. */
function clearRun(folder: string, modelPath: string): void {
  dropCheckpoints(folder);
  removeResult(folder, modelPath);
  rmSync(join(folder, AUDIT_FILE), { force: true });
  rmSync(join(folder, CALIBRATION_FILE), { force: true });
  rmSync(join(folder, MLFLOW_FILE), { force: true });
}
