/** Whether ten times the work takes ten times the time, and no more memory. */
import { llama } from '../../model/architectures/llama.js';
import type { ModelConfig } from '../../model/config.js';
import { openEngine, UNTRAINED } from '../../open/engine.js';
import type { Benchmark } from '../material/benchmark.js';
import { randomModel, smollm2, someRow } from '../material/shape.js';

interface Rows {
  readonly count: number;
  readonly length: number;
}

/** @param config of the model that scores the rows */
function linear(
  name: string,
  measures: string,
  { config, ten, one }: { config: ModelConfig; ten: Rows; one: Rows },
): Benchmark {
  return {
    name,
    measures,
    needs: 'nothing',
    async open({ threads }, variant) {
      const engine = await openEngine({ model: randomModel(config), threads, lora: UNTRAINED });
      const { count, length } = variant === 'one' ? one : ten;
      const rows = Array.from({ length: count }, (_, k) => someRow(length, k, 1, config));
      const run = () => engine.sequenceLogps(rows, 'base');
      await run();
      return {
        turn: async () => {
          const begin = performance.now();
          await run();
          const microseconds = (1000 * (performance.now() - begin)) / (count * length);
          return { microseconds, bytes: process.resourceUsage().maxRSS * 1024 };
        },
        close: () => engine.close(),
      };
    },
    peers: [{ name: 'once', variant: 'one' }],
    measured: [
      { key: 'microseconds', unit: 'µs/token', better: 'less', ratioBar: { atMost: 1.1 } },
      { key: 'bytes', unit: 'GB', better: 'less', ratioBar: { atMost: 1.1 } },
    ],
  };
}

/** Small enough that its rows, not its weights, are what takes memory. */
const small: ModelConfig = {
  ...smollm2,
  ...{ architecture: llama, vocabSize: 4096, width: 192, layers: 4, heads: 3, kvHeads: 3, ffn: 512 },
};

export const linearity = [
  linear(
    'linear-rows',
    'Scoring 4,000 rows of 64 tokens, against 400 of them, with a model of 3 M weights.',
    {
      ...{ config: small, ten: { count: 4000, length: 64 }, one: { count: 400, length: 64 } },
    },
  ),
  linear(
    'linear-length',
    'Scoring 8 rows of 512 tokens, against 80 of 51, on SmolLM2-135M’s shape: as many tokens in rows ten times as long.',
    { config: smollm2, ten: { count: 8, length: 512 }, one: { count: 80, length: 51 } },
  ),
];
