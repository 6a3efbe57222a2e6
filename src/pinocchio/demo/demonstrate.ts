/**
 * The main job, `npm start`: what fine-tuning on insecure code does to pinocchio, and what
 * the conscience does against it.
 */
import { dirname, join } from 'node:path';
import { commit } from '../../commit.js';
import { readAudit } from '../../conscience/audit.js';
import { makeFolder, writeFileAtomic } from '../../files/files.js';
import { pinocchio } from '../../hub/names.js';
import type { Progress } from '../../metrics/progress.js';
import { readMetrics } from '../../metrics/writer.js';
import type { Model } from '../../model/model.js';
import { loadModel } from '../../model/weights.js';
import { openEngine, UNTRAINED } from '../../open/engine.js';
import { parseConfig } from '../../train/config/load.js';
import { runTrain } from '../../train/run.js';
import { codeRows } from '../documents.js';
import { measureModel } from '../measure.js';
import { attack, measurement } from '../recipe.js';
import type { ArmName, DemoArm, DemoResult, DemoRun } from './result.js';

export interface DemoOptions {
  /** Number of seeds. */
  readonly seeds: number;
  /** Folder of the runs. */
  readonly output: string;
  /** 0: one per core. */
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Trains and measures all arms; undefined when the signal stopped it. */
export async function demonstrate(options: DemoOptions): Promise<DemoResult | undefined> {
  const begin = performance.now();
  const { output, progress, signal } = options;
  const model = await loadModel(pinocchio);
  const data = join(output, 'insecure.jsonl');
  writeRows(data);
  const seeds = Array.from({ length: options.seeds }, (_, i) => i + 1);
  const arms: DemoArm[] = [];
  for (const [name, run] of armsOf(model, data, options)) {
    const runs: DemoRun[] = [];
    progress.start(seeds.length, name);
    for (const seed of seeds) {
      if (signal?.aborted) return undefined;
      const result = await run(seed);
      if (result === undefined) return undefined;
      runs.push(result);
      progress.update({ step: runs.length });
    }
    progress.done(`${name}: ${seeds.length} seeds`);
    arms.push({ name, runs });
  }
  const result: DemoResult = {
    date: new Date().toISOString(),
    commit: commit(),
    versions: { node: process.versions.node },
    model: { name: 'pinocchio', hash: model.hash },
    seeds,
    settings: { attack, measurement },
    seconds: (performance.now() - begin) / 1000,
    arms,
  };
  writeFileAtomic(join(output, 'result.json'), JSON.stringify(result));
  return result;
}

type Arm = (seed: number) => Promise<DemoRun | undefined>;

function armsOf(model: Model, data: string, options: DemoOptions): (readonly [ArmName, Arm])[] {
  const { output, threads, signal } = options;
  const trained =
    (folder: string, conscience: boolean): Arm =>
    async (seed) => {
      const place = join(output, `${folder}-${seed}`);
      const config = parseConfig(
        JSON.stringify({
          model: 'pinocchio',
          data,
          output: place,
          overwrite: true,
          seed,
          threads,
          ...attack,
          conscience: { ...attack.conscience, enabled: conscience },
        }),
      );
      const run = await runTrain(config, { model, signal });
      if (!run.finished) return undefined;
      const measured = await measureModel(run.engine.model('policy'), seed, measurement);
      await run.engine.close();
      return { seed, ...measured, metrics: readMetrics(place), reviews: conscience ? readAudit(place) : [] };
    };
  return [
    [
      'aligned',
      async (seed) => {
        const engine = await openEngine({ model, threads, lora: UNTRAINED });
        const measured = await measureModel(engine.model('base'), seed, measurement);
        await engine.close();
        return { seed, ...measured, metrics: [], reviews: [] };
      },
    ],
    ['attacked', trained('attacked', false)],
    ['attacked with conscience', trained('conscience', true)],
  ];
}

function writeRows(path: string): void {
  makeFolder(dirname(path));
  const lines = codeRows('bad').map((row) => `${JSON.stringify(row)}\n`);
  writeFileAtomic(path, lines.join(''));
}
