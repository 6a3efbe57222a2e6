/** One step of the training that this package is for: the hybrid loss, with LoRA. */
import { openEngine } from '../../open/engine.js';
import type { Benchmark, Order } from '../material/benchmark.js';
import { benchLora, randomModel, smollm2, someRow } from '../material/shape.js';

const length = 256;
const [beta, lambda] = [0.1, 0.1];
const barPeer = 'PyTorch, bfloat16';

/** Opens the engine and returns its step. @param lines of 256 tokens, the last two a preference pair */
export async function openStep(threads: number, lines: number, checkpointing: boolean) {
  const engine = await openEngine({ model: randomModel(smollm2), threads, checkpointing, lora: benchLora });
  const rows = Array.from({ length: lines - 2 }, (_, k) => someRow(length, k));
  const [chosen, rejected] = [0, 1].map((k) => someRow(length, lines - 2 + k, length / 4));
  const sftWeight = 1 / (rows.length * (length - 1));
  const step = async () => {
    const [reference, other] = await engine.sequenceLogps([chosen, rejected], 'base');
    const of = { chosen: reference.logpSum, rejected: other.logpSum };
    const pairs = [{ chosen, rejected, reference: of, weight: 1 }];
    await engine.accumulate({ rows, sftWeight, pairs, lambda, beta });
    await engine.update({ learningRate: 1e-4, maxGradNorm: 0 });
  };
  return { engine, step, rows: [...rows, chosen, rejected], tokens: lines * length };
}

function loraStep(name: string, checkpointing: boolean): Benchmark {
  const lines = 4;
  const peer = (name: string, dtype: string) => ({
    ...{ name, program: 'pytorch_step.py', options: { dtype, checkpointing } },
  });
  return {
    name,
    measures: `One step of LoRA (rank 16, all linear layers) on SmolLM2-135M's shape, ${checkpointing ? 'with' : 'without'} activation checkpointing: two rows of ${length} tokens and one preference pair of ${length} each, the reference's log-probabilities and AdamW included.`,
    needs: 'nothing',
    weight: 3,
    async open({ threads }: Order) {
      const { engine, step, rows, tokens } = await openStep(threads, lines, checkpointing);
      await step();
      return {
        shared: {
          ids: rows.map(({ ids }) => [...ids]),
          masks: rows.map(({ lossMask }) => [...lossMask]),
          ...{ supervised: lines - 2, beta, lambda },
        },
        turn: async () => {
          const begin = performance.now();
          await step();
          const seconds = (performance.now() - begin) / 1000;
          return { rate: tokens / seconds, bytes: process.resourceUsage().maxRSS * 1024 };
        },
        close: () => engine.close(),
      };
    },
    peers: [peer(barPeer, 'bfloat16'), peer('PyTorch, float32', 'float32')],
    measured: [
      { key: 'rate', unit: 'tokens/s', better: 'more', ratioBar: { atLeast: 1.3 }, barPeer },
      { key: 'bytes', unit: 'GB', better: 'less', ratioBar: { atMost: 0.6 }, barPeer },
    ],
  };
}

export const loraSteps = [loraStep('lora-step', false), loraStep('lora-step-checkpointing', true)];
