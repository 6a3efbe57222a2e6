/**
 * The tensors of what is exported: a model's own, and where an adapter sits on them its product added.
 *
 * W + scale·B·A is summed in float64 and rounded once, some rows at a time; what no adapter touches keeps its bytes.
 */
import type { Adapter } from '../model/adapter-files.js';
import { loraFactors, loraTargets } from '../model/lora-modules.js';
import { bandsOf, type StoredTensor, type WeightSource } from '../model/weight-source.js';

/** A tensor of the exported model. */
export interface ExportedTensor {
  /** Hugging Face's. */
  readonly name: string;
  /** As it lies in the source's files. */
  readonly stored: StoredTensor;
  /** Whether an adapter changes it. */
  readonly touched: boolean;
  /** Its rows as float32 in Hugging Face's order, some at a time, with the first one's number. */
  bands(): Iterable<readonly [first: number, values: Float32Array]>;
}

/** In the order of the source's files. @param adapter absent: the model as it is */
export function exportedTensors(source: WeightSource, adapter?: Adapter): ExportedTensor[] {
  const targets = loraTargets(adapter?.tensors.keys() ?? []);
  const factors = adapter ? loraFactors(adapter.config, targets) : [];
  const updates = new Map<string, Update>();
  for (const [i, target] of targets.entries()) {
    const [a, b] = ['A', 'B'].map((which) => adapter!.tensors.get(`${target}.lora_${which}`)!.data);
    updates.set(`${target}.weight`, { a, b, ...factors[i] });
  }
  return [...source.tensors].map(([name, stored]) => {
    const update = updates.get(name);
    return {
      ...{ name, stored, touched: update !== undefined },
      *bands() {
        for (const [first, count] of bandsOf(stored)) {
          const values = stored.rows(first, count);
          if (update) add(values, first, stored.shape, update);
          yield [first, values] as const;
        }
      },
    };
  });
}

interface Update {
  /** [in, rank] */
  readonly a: Float32Array;
  /** [rank, out] */
  readonly b: Float32Array;
  readonly rank: number;
  readonly scale: number;
}

/** Adds rows of scale·B·A to rows of W, from `first` on. @param shape [out, in] of W */
function add(
  values: Float32Array,
  first: number,
  [out, columns]: readonly number[],
  { a, b, rank, scale }: Update,
): void {
  const factors = new Float64Array(rank);
  for (let row = 0; row * columns < values.length; row++) {
    for (let r = 0; r < rank; r++) factors[r] = scale * b[r * out + first + row];
    for (let i = 0; i < columns; i++) {
      let sum = values[row * columns + i];
      for (let r = 0, at = i * rank; r < rank; r++, at++) sum += factors[r] * a[at];
      values[row * columns + i] = sum;
    }
  }
}
