/**
 * Regularisation in feature space: the residual streams of policy and reference stay near.
 * As compared in Kaczér et al. 2025, arXiv:2508.06249.
 */
import { z } from 'zod';
import { key } from '../config/key.js';
import { defence } from './defence.js';
import { heldToReference } from './held-to-reference.js';

export const features = defence({
  name: 'features',
  keys: {
    loss: {
      features: key(
        z.number().min(0).default(0),
        'Factor on the squared distance between the residual streams of policy and reference, mean over layers and tokens; needs LoRA.',
      ),
    },
  },
  checks: (config) => heldToReference(config.loss.features > 0, config),
  loss: async ({ loss }) => ({ features: loss.features }),
});
