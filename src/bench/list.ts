/** Every benchmark, in the order in which they are run. */

import { chat } from './benchmarks/chat.js';
import { conscience } from './benchmarks/conscience.js';
import { decoding } from './benchmarks/decode.js';
import { greedy } from './benchmarks/greedy.js';
import { linearity } from './benchmarks/linear.js';
import { loraSteps } from './benchmarks/lora-step.js';
import { neighbours } from './benchmarks/neighbours.js';
import { prompt } from './benchmarks/prompt.js';
import { reviews } from './benchmarks/reviews.js';
import { onTorch } from './benchmarks/torch.js';
import { torchConscience } from './benchmarks/torch-conscience.js';
import { verdicts } from './benchmarks/verdicts.js';
import type { Benchmark } from './material/benchmark.js';

export const benchmarks: readonly Benchmark[] = [
  ...decoding,
  ...[prompt, reviews, chat, verdicts, greedy],
  ...[...loraSteps, conscience, ...neighbours, ...linearity, ...onTorch, torchConscience],
];
