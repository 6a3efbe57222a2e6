/** Every architecture that can be built. */
import type { Architecture } from './architecture.js';
import { llama } from './llama.js';
import { qwen2, qwen3 } from './qwen.js';

export const architectures: readonly Architecture[] = [llama, qwen2, qwen3];
