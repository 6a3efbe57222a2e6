/** One run, as its folder tells of it: while it runs, when it has finished, and after a kill. */
import { readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { AUDIT_FILE } from '../conscience/audit.js';
import { CALIBRATION_FILE, parseCalibration } from '../conscience/calibration.js';
import { UserError } from '../errors.js';
import { isClaimed } from '../files/claim.js';
import { METRICS_FILE } from '../metrics/writer.js';
import type { CalibrationFacts, RunDetail, RunSummary } from '../page/wire.js';
import { CONFIG_FILE, notedSteps } from '../train/config/render.js';
import { hasFinished } from '../train/result.js';
import { MetricHistory } from './metric-columns.js';
import { ReviewIndex } from './review-index.js';

/** The configuration as it was read last. */
interface Config {
  /** When its file was changed. */
  readonly stamp: number;
  readonly text: string | null;
  readonly keys: Readonly<Record<string, string>>;
}

export class RunFolder {
  readonly metrics: MetricHistory;
  private reviewIndex?: ReviewIndex;
  /** What could not be read at the last look. */
  private unread: string | null = null;
  /** What could not be looked at when the run was last summed up. */
  private unseen: string | null = null;
  private config: Config = { stamp: -1, text: null, keys: {} };

  /** @param name as the page shows it */
  constructor(
    readonly id: string,
    readonly name: string,
    readonly folder: string,
  ) {
    this.metrics = new MetricHistory(join(folder, METRICS_FILE));
  }

  /** Reads what was added to the metrics, and to the reviews once they were asked for. @returns whether more is left to read */
  update(): boolean {
    try {
      const { more } = this.metrics.update();
      const moreReviews = this.reviewIndex?.update() ?? false;
      this.unread = null;
      return more || moreReviews;
    } catch (error) {
      this.unread = (error as Error).message;
      return false;
    }
  }

  /** The reviews; from the first call on they are kept up to date. */
  get reviews(): ReviewIndex {
    this.reviewIndex ??= new ReviewIndex(join(this.folder, AUDIT_FILE));
    return this.reviewIndex;
  }

  /** The run in one line; what cannot be looked at is its problem, and no other run's. */
  summary(): RunSummary {
    this.unseen = null;
    const { id, name, metrics } = this;
    const { text, keys } = this.configuration();
    const state = this.state(keys.model);
    const step = metrics.steps.at(-1) ?? 0;
    const totalSteps = notedSteps(text ?? '') ?? wholeNumber(keys['training.steps']);
    const { secondsPerStep } = metrics;
    const left = state === 'running' && totalSteps !== null && secondsPerStep !== null;
    return {
      ...{ id, name, model: keys.model ?? null, state, step, totalSteps },
      seconds: metrics.elapsed,
      secondsLeft: left ? Math.max(0, totalSteps - step) * secondsPerStep : null,
      last: metrics.last(),
      records: metrics.steps.length,
      generation: metrics.generation,
      auditBytes: this.look(AUDIT_FILE)?.size ?? 0,
      changed: Math.max(
        ...[METRICS_FILE, AUDIT_FILE, CONFIG_FILE].map((file) => this.look(file)?.mtimeMs ?? 0),
      ),
      problem: this.problem(),
    };
  }

  detail(): RunDetail {
    const { text, keys } = this.configuration();
    return { config: text, keys, ...this.calibration() };
  }

  private state(model: string | undefined): RunSummary['state'] {
    if (hasFinished(this.folder, model ?? '')) return 'finished';
    return isClaimed(this.folder) ? 'running' : 'stopped';
  }

  private configuration(): Config {
    const path = join(this.folder, CONFIG_FILE);
    const stamp = this.look(CONFIG_FILE)?.mtimeMs ?? 0;
    if (stamp !== this.config.stamp) {
      const text = textOf(path);
      this.config = { stamp, text, keys: keysOf(text) };
    }
    return this.config;
  }

  /** Undefined where a file is not there, or the system does not say. */
  private look(file: string): Stats | undefined {
    try {
      return statSync(join(this.folder, file), { throwIfNoEntry: false });
    } catch (error) {
      this.unseen ??= (error as Error).message;
      return undefined;
    }
  }

  private calibration(): Pick<RunDetail, 'calibration' | 'problem'> {
    const path = join(this.folder, CALIBRATION_FILE);
    const text = textOf(path);
    if (text === null) return { calibration: null, problem: null };
    try {
      return { calibration: factsOf(parseCalibration(JSON.parse(text), path)), problem: null };
    } catch (error) {
      const problem = error instanceof UserError ? error.message : `${path}: not JSON`;
      return { calibration: null, problem };
    }
  }

  private problem(): string | null {
    const { metrics, reviewIndex } = this;
    const failed = this.unread ?? this.unseen;
    if (failed !== null) return failed;
    const damaged = [
      [METRICS_FILE, metrics.damaged] as const,
      [AUDIT_FILE, reviewIndex?.damaged] as const,
    ].flatMap(([file, line]) => (line === undefined ? [] : `${file}:${line}`));
    return damaged.length > 0 ? `Left out, since damaged: ${damaged.join(', ')}` : null;
  }
}

function factsOf(calibration: ReturnType<typeof parseCalibration>): CalibrationFacts {
  const { sentence, quality, model, data, reading, measured } = calibration;
  const { auc, recall, falseAlarms, calibrationError } = measured;
  return {
    ...{ sentence, quality, model: model.name, data: data.name, threshold: reading.threshold },
    ...{ auc, recall, falseAlarms, calibrationError },
  };
}

/** The keys of a configuration, dotted; none where it cannot be read: the page shows the text as well. */
function keysOf(config: string | null): Record<string, string> {
  if (config === null) return {};
  const keys: Record<string, string> = {};
  const visit = (value: unknown, path: string): void => {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) visit(inner, path === '' ? name : `${path}.${name}`);
    } else keys[path] = typeof value === 'string' ? value : JSON.stringify(value);
  };
  try {
    visit(parse(config), '');
  } catch {
    return {};
  }
  return keys;
}

const wholeNumber = (text: string | undefined) => (/^\d+$/.test(text ?? '') ? Number(text) : null);

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
