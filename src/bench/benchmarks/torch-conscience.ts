/** What the conscience costs a training run on PyTorch: random weights, whose answers never end, so that it is an upper end. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { variables } from '../../config/environment.js';
import { resolveModel } from '../../hub/pull.js';
import { silent } from '../../metrics/progress.js';
import { codeRows } from '../../pinocchio/documents.js';
import { parseConfig } from '../../train/config/load.js';
import { planTrain } from '../../train/plan.js';
import { runTrain } from '../../train/run.js';
import type { Benchmark, Order } from '../material/benchmark.js';
import { randomFolder } from '../material/torch.js';

const steps = 20;
const files = [
  'tokenizer.json',
  'tokenizer_config.json',
  'conscience.json',
  'probes.jsonl',
  'canaries.jsonl',
];

/** The model that both sides train, with pinocchio's tokenizer and words, and its rows. */
async function material(order: Order) {
  const { folder, remove } = randomFolder(order);
  const pinocchio = await resolveModel('pinocchio');
  for (const file of files) copyFileSync(join(pinocchio, file), join(folder, file));
  const data = join(folder, 'rows.jsonl');
  writeFileSync(
    data,
    codeRows('bad')
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  return { folder, data, remove };
}

export const torchConscience: Benchmark = {
  name: 'torch-conscience',
  measures: `Time of ${steps} steps of 8 rows on PyTorch with the conscience at its default cadence, against the same without. The weights are random: every answer has its full 200 tokens, and whether a pair reaches a step is chance.`,
  needs: 'nothing',
  weight: 3,
  async open(order, variant) {
    // the worker of a run is found as users' is
    Object.assign(variables, { EALIGN_PYTHON: order.python });
    const { folder, data, remove } = await material(order);
    const train = async (turn: number, most: number) => {
      const config = parseConfig(
        JSON.stringify({
          ...{
            model: folder,
            data,
            output: join(folder, `run-${turn}`),
            engine: 'torch',
            device: order.device,
          },
          ...{ eval_split: 0, threads: order.threads },
          training: { steps: most, batch_size: 8, max_length: 256, save_every: 0 },
          // labels of a model that has learnt nothing are as unlikely as all other words
          conscience: { enabled: variant !== 'sft', check: 'off', min_mass: 0 },
        }),
      );
      // from the first step on: the worker's start is not training
      let begin = performance.now();
      const start = (_: number, label: string) => {
        if (label === 'train') begin = performance.now();
      };
      const { engine, step } = await runTrain(await planTrain(config), { progress: { ...silent, start } });
      const seconds = (performance.now() - begin) / 1000;
      await engine.close();
      return { seconds, steps: step };
    };
    await train(0, 2);
    return { turn: (i) => train(i, steps), close: async () => remove() };
  },
  peers: [{ name: 'SFT only', variant: 'sft' }],
  measured: [{ key: 'seconds', unit: 's', better: 'less' }],
};
