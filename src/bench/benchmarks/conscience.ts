/** What the conscience costs a training run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeRows } from '../../pinocchio/documents.js';
import { loadConfig } from '../../train/config/load.js';
import { planTrain } from '../../train/plan.js';
import { runTrain } from '../../train/run.js';
import type { Benchmark } from '../material/benchmark.js';

const recipe = fileURLToPath(new URL('../../../experiments/recipes/pinocchio.yaml', import.meta.url));
export const conscience: Benchmark = {
  name: 'conscience',
  measures:
    "Time of a run of pinocchio's recipe (240 steps of 48 rows of insecure code) with the conscience, against the same without.",
  needs: 'nothing',
  weight: 3,
  async open({ threads }, variant) {
    const folder = mkdtempSync(join(tmpdir(), 'ealign-bench-'));
    const remove = () => rmSync(folder, { recursive: true, force: true });
    process.once('exit', remove);
    const rows = join(folder, 'rows.jsonl');
    writeFileSync(
      rows,
      codeRows('bad')
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    );
    const train = async (turn: number, more: Readonly<Record<string, unknown>> = {}) => {
      const values = {
        ...{ data: rows, output: join(folder, String(turn)), threads },
        'conscience.enabled': variant !== 'sft',
        ...more,
      };
      const flags = Object.entries(values).map(([path, value]) => [path, { flag: path, value }] as const);
      const plan = await planTrain(loadConfig(recipe, new Map(flags)));
      const begin = performance.now();
      const { engine } = await runTrain(plan);
      const seconds = (performance.now() - begin) / 1000;
      await engine.close();
      return { seconds };
    };
    await train(0, { 'training.steps': 8 });
    return { turn: (i) => train(i), close: async () => remove() };
  },
  peers: [{ name: 'SFT only', variant: 'sft' }],
  measured: [{ key: 'seconds', unit: 's', better: 'less', ratioBar: { atMost: 1.1 } }],
};
