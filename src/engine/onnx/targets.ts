/** The targets of a batch as the loss head takes them: in equal chunks. */
import type { Batch } from './batch.js';
import { int64Array, type NdArray } from './runtime.js';

/** Targets per chunk of the loss head: larger ones ran no faster, and logits take V·4 bytes each. */
const chunkSize = 256;

/** Where a batch predicts, and what. */
export type Targets = Pick<Batch, 'predictAt' | 'target'>;

export interface ChunkedTargets {
  /** [chunks, targets per chunk]. */
  readonly dims: readonly [number, number];
  /** Their product. */
  readonly size: number;
  /** Inputs `predict_at` and `target`. */
  readonly feeds: Record<string, NdArray>;
  /** The target that each token predicts, [B·T]; `size` where it predicts none. */
  inverse(tokens: Pick<Batch, 'B' | 'T'>): NdArray;
}

/** A power of two, so that few graphs are compiled. */
export function chunksFor(targets: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(targets / chunkSize)));
}

/** The targets in equal chunks, the last one filled up with target 0 at place 0 (weight 0). */
export function chunked({ predictAt, target }: Targets, chunks: number): ChunkedTargets {
  const perChunk = Math.max(1, Math.ceil(target.length / chunks));
  const dims = [chunks, perChunk] as const;
  const size = chunks * perChunk;
  const fill = (values: Int32Array) => {
    const all = new Int32Array(size);
    all.set(values);
    return int64Array(all, dims);
  };
  return {
    dims,
    size,
    feeds: { predict_at: fill(predictAt), target: fill(target) },
    inverse: ({ B, T }) => {
      const inverse = new Int32Array(B * T).fill(size);
      for (const [r, at] of predictAt.entries()) inverse[at] = r;
      return int64Array(inverse);
    },
  };
}
