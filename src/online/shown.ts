/** The gate's measurements of versions, kept with them: measuring all again after a restart would take long. */
import { openWeights } from '../engine/capabilities.js';
import type { TrainingEngine } from '../engine/training-engine.js';
import { knownConfig } from '../model/config.js';
import type { Gate, Measured } from './gate.js';
import type { OnlineStore } from './store.js';
import { readVersion } from './versions.js';

export class Shown {
  constructor(
    private readonly store: OnlineStore,
    private readonly engine: TrainingEngine,
    private readonly gate: Gate,
  ) {}

  /** Measures a version unless that was done before, with the same yardstick. */
  async of(id: number): Promise<Measured> {
    const known = this.store.measured(id, this.gate.yardstick) as Measured | undefined;
    if (known) return known;
    const { tensors } = await readVersion(
      this.store,
      id,
      knownConfig(this.engine.config, 'the deployed model'),
    );
    await openWeights(this.engine).replace('start', tensors);
    const measured = await this.gate.measure('start');
    this.keep(id, measured);
    return measured;
  }

  keep(id: number, measured: Measured): void {
    // JSON knows no NaN: it would come back as a number that passes
    const whole = Object.values(measured).every((value) => value === null || Number.isFinite(value));
    if (whole) this.store.keepMeasured(id, this.gate.yardstick, measured);
  }
}
