/** Every architecture that can be built. */
import type { Architecture } from './architecture.js';
import { gemma2, gemma3 } from './gemma.js';
import { granite } from './granite.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { olmo2 } from './olmo2.js';
import { phi3 } from './phi3.js';
import { qwen2, qwen3 } from './qwen.js';

export const architectures: readonly Architecture[] = [
  ...[llama, qwen2, qwen3, mistral, phi3, gemma2, gemma3, granite, olmo2],
];
