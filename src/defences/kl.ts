/**
 * KL regularisation: the policy's predictions at the supervised targets stay near those of the reference.
 * As compared in Kaczér et al. 2025, arXiv:2508.06249.
 */
import { z } from 'zod';
import { key } from '../config/key.js';
import { defence } from './defence.js';
import { heldToReference } from './held-to-reference.js';

export const kl = defence({
  name: 'KL',
  keys: {
    loss: {
      kl: key(
        z.number().min(0).default(0),
        'Factor on KL(policy‖reference) at the targets of the training rows, mean per token; needs LoRA.',
      ),
    },
  },
  checks: (config) => heldToReference(config.loss.kl > 0, config),
  loss: async ({ loss }) => ({ kl: loss.kl }),
});
