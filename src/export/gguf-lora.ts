/**
 * An adapter as GGUF, as llama.cpp's convert_lora_to_gguf.py writes it: on the same base it computes what ours does.
 *
 * llama.cpp scales by alpha over the rank of each matrix. Where the adapter's own scales are others (rank-stabilised,
 * or patterns), they are multiplied into B.
 */
import type { Adapter } from '../model/adapter-files.js';
import { ggufRowOf } from '../model/gguf-metadata.js';
import { encodeValues, type WritableFormat } from '../model/gguf-quantise.js';
import { ggufNames, rowOrder } from '../model/gguf-weights.js';
import { type GgufContent, type GgufEntry, ggufValue } from '../model/gguf-write.js';
import { transpose } from '../model/layout.js';
import { loraFactors, loraTargets } from '../model/lora-modules.js';
import { type GgufFile, reordered } from './gguf.js';
import { requireRoom } from './room.js';
import type { ExportedModel } from './source.js';

/**
 * @param format of the factors
 * @param about  further `general.*` keys
 * @throws ModelError when llama.cpp does not know the architecture
 */
export function ggufLora(
  { source: { config, path, gguf }, ownTokenizer }: ExportedModel,
  { config: lora, tensors }: Adapter,
  format: WritableFormat,
  about: ReadonlyMap<string, GgufEntry>,
): GgufFile {
  const row = gguf?.header.row ?? ggufRowOf(config, path);
  const nameOf = ggufNames(config.architecture, row);
  const targets = loraTargets(tensors.keys());
  const factors = loraFactors(lora, targets);
  const alpha = factors[0].scale * factors[0].rank;
  const contents = targets.flatMap((target, i): GgufContent[] => {
    const { rank, scale } = factors[i];
    const [a, b] = ['A', 'B'].map((which) => tensors.get(`${target}.lora_${which}`)!);
    const [inner, outer] = [a.shape[0], b.shape[1]];
    const rows = transpose(b.data, rank, outer);
    const factor = (scale * rank) / alpha;
    if (Math.abs(factor - 1) > 1e-12) for (let j = 0; j < rows.length; j++) rows[j] *= factor;
    const order = rowOrder({ row }, config, `${target}.weight`);
    const placed = order ? reordered(rows, 0, rank, order) : rows;
    const name = nameOf(`${target}.weight`);
    const made = (suffix: string, shape: readonly number[], values: () => Float32Array): GgufContent => ({
      ...{ name: `${name}.${suffix}`, shape, format },
      *pieces() {
        requireRoom(values(), target, format);
        yield encodeValues(format, values());
      },
    });
    return [
      made('lora_a', [rank, inner], () => transpose(a.data, inner, rank)),
      made('lora_b', [outer, rank], () => placed),
    ];
  });
  const { text, f32, u32 } = ggufValue;
  const entries = new Map<string, GgufEntry>([
    ['general.architecture', text(row.name)],
    ['general.type', text('adapter')],
    ...about,
    ['general.file_type', u32(format === 'F16' ? 1 : 0)],
    ['general.quantization_version', u32(2)],
    ['adapter.type', text('lora')],
    ['adapter.lora.alpha', f32(alpha)],
  ]);
  return { entries, tensors: contents, notes: ownTokenizer === 'none' ? [] : [withoutOwn[ownTokenizer]] };
}

/** What is left out of an adapter with a tokenizer of its own. */
const withoutOwn = {
  template:
    'The adapter’s own chat template is not in the file, which has no room for one: give it to llama.cpp with --chat-template-file, or export the merged model with --format gguf.',
  all: 'The adapter’s own tokenizer is not in the file, which has no room for one: texts become the base’s tokens. --format gguf writes the merged model with it.',
} as const;
