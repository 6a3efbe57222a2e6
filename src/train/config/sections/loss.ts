/** `loss`: the weights of L = L_SFT + λ·L_DPO. Defences add keys of their own (defences/). */
import { z } from 'zod';
import { key } from '../../../config/key.js';

export const lossSection = z.strictObject({
  lambda: key(
    z.number().min(0).default(0.1),
    'Weight λ of the preference loss in L_SFT + λ·L_DPO; 0 reviews and records, but learns nothing from the pairs.',
  ),
  beta: key(
    z.number().gt(0).default(0.1),
    'β of the DPO loss; a larger one keeps the policy nearer to the reference.',
  ),
});
