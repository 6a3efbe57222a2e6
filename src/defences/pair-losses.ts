/** Other losses of the conscience's pairs: the chosen response by heart, or only nearness to the reference on both. */
import { z } from 'zod';
import { key } from '../config/key.js';
import { PAIR_LOSSES } from '../values/pair-loss.js';
import { defence } from './defence.js';
import { heldToReference } from './held-to-reference.js';

export const pairLosses = defence({
  name: 'losses of pairs',
  keys: {
    loss: {
      pairs: key(
        z.enum(PAIR_LOSSES).default('dpo'),
        'What λ weighs, for comparison: preference (dpo), the chosen responses by heart (sft), or only nearness to the reference on both responses (kl).',
      ),
    },
  },
  checks: (config) => heldToReference(config.loss.pairs === 'kl', config),
  loss: async ({ loss }) => ({ pairs: loss.pairs }),
});
