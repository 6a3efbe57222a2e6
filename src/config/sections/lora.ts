/** `lora`: shape of the adapter. Read only with `setting: lora`. */
import { z } from 'zod';
import { count, key } from '../key.js';

/** The seven linear layers of a block that an adapter can sit on, by their Hugging Face names. */
const PROJECTIONS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

export const loraSection = z.strictObject({
  rank: key(count(1).default(16), 'Rank of the update B·A of each layer.'),
  alpha: key(z.number().gt(0).default(32), 'The update is scaled by alpha / rank.'),
  rslora: key(z.boolean().default(false), 'Scale by alpha / √rank instead (rank-stabilised LoRA).'),
  targets: key(
    z
      .array(z.enum(PROJECTIONS))
      .min(1)
      .default([...PROJECTIONS]),
    'Linear layers that get an adapter.',
    { placeholder: 'layer,layer,…', fallback: 'all seven' },
  ),
});
