/** `lora`: shape of the adapter. Read only with `setting: lora`. */
import { z } from 'zod';
import { count, key, text } from '../../../config/key.js';
import { allProjections } from '../../../model/architectures/architecture.js';
import { projections } from '../../../model/lora-modules.js';

export const loraSection = z.strictObject({
  rank: key(count(1).max(4096).default(16), 'Rank of the update B·A of each layer.'),
  alpha: key(z.number().gt(0).default(32), 'The update is scaled by alpha / rank.'),
  rslora: key(z.boolean().default(false), 'Scale by alpha / √rank instead (rank-stabilised LoRA).'),
  targets: key(
    z.union([z.array(text()).min(1), text()]).default([...projections]),
    'Linear layers that get an adapter: endings of module names, e.g. down_proj or mlp.down_proj, or a pattern of whole names, e.g. .*layers\\.1\\.mlp\\.down_proj (target_modules in PEFT).',
    { placeholder: 'layer,layer,…|pattern', fallback: 'all linear layers of a block' },
  ),
  layers: key(
    z.array(count(0)).min(1).optional(),
    'Blocks that get an adapter, counted from 0; with a list of targets (layers_to_transform in PEFT).',
    { placeholder: 'n,n,…', fallback: 'all' },
  ),
  exclude: key(
    z.union([z.array(text()).min(1), text()]).optional(),
    'Modules that get none: endings of their names, or a pattern (exclude_modules in PEFT).',
    { placeholder: 'layer,layer,…|pattern', fallback: 'none' },
  ),
});

/** A target of a list that no projection's name ends with; undefined when all are well. */
export function unknownTarget(targets: readonly string[] | string): { at: number; name: string } | undefined {
  if (typeof targets === 'string') return undefined;
  const ending = new RegExp(`(^|\\.)(${allProjections.join('|')})$`);
  const at = targets.findIndex((name) => !ending.test(name));
  return at < 0 ? undefined : { at, name: targets[at] };
}
