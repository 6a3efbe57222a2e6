/** `loss`: the weights of L = L_SFT + λ·L_DPO, and of terms that it is compared with. */
import { z } from 'zod';
import { key } from '../../../config/key.js';
import { PAIR_LOSSES } from '../../../values/pair-loss.js';

export const lossSection = z.strictObject({
  lambda: key(
    z.number().min(0).default(0.1),
    'Weight λ of the preference loss in L_SFT + λ·L_DPO; 0 reviews and records, but learns nothing from the pairs.',
  ),
  beta: key(
    z.number().gt(0).default(0.1),
    'β of the DPO loss; a larger one keeps the policy nearer to the reference.',
  ),
  pairs: key(
    z.enum(PAIR_LOSSES).default('dpo'),
    'What λ weighs, for comparison: preference (dpo), the chosen responses by heart (sft), or only nearness to the reference on both responses (kl).',
  ),
  kl: key(
    z.number().min(0).default(0),
    'Factor on KL(policy‖reference) at the targets of the training rows, mean per token; needs LoRA.',
  ),
  features: key(
    z.number().min(0).default(0),
    'Factor on the squared distance between the residual streams of policy and reference, mean over layers and tokens; needs LoRA.',
  ),
});
