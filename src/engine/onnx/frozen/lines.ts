/**
 * Token sequences as lines that end together, and what each new token of them may see.
 *
 * A line's last token stands at the last time of the cache; shorter lines begin later. A line may
 * branch: tokens of a segment see their own segment and its trunk.
 */
import { masked } from '../../../network/attention.js';

/** A sequence with places and branches. */
export interface Line {
  readonly tokens: readonly number[];
  /** Absent: 0, 1, 2, … */
  readonly positions?: readonly number[];
  /** Segment of each token, and the further segment that it sees. Absent: all are one. */
  readonly branches?: { readonly segments: readonly number[]; readonly trunks: readonly number[] };
  /** Tokens of the sequence, where rotary scaling depends on it. Absent: as many as there are. */
  readonly length?: number;
}

const positionOf = ({ positions }: Line, i: number): number => positions?.[i] ?? i;

/** Tokens of some times of all lines, time first; padding is token 0 at position 0. */
export function tokensAt(
  lines: readonly Line[],
  longest: number,
  from: number,
  to: number,
): { tokens: Int32Array; positions: Int32Array; lengths: Int32Array } {
  const B = lines.length;
  const N = (to - from) * B;
  const [tokens, positions, lengths] = [new Int32Array(N), new Int32Array(N), new Int32Array(N)];
  for (const [b, line] of lines.entries()) {
    const first = longest - line.tokens.length;
    for (let t = Math.max(from, first); t < to; t++) {
      const n = (t - from) * B + b;
      tokens[n] = line.tokens[t - first];
      positions[n] = positionOf(line, t - first);
      lengths[n] = line.length ?? line.tokens.length;
    }
  }
  return { tokens, positions, lengths };
}

/**
 * 0 where a token of these times may look, `masked` elsewhere: [B, 1, T, P] over the times before `to`.
 *
 * @param window most tokens that are seen, the token itself included. Absent: all
 */
export function biasAt(
  lines: readonly Line[],
  longest: number,
  from: number,
  to: number,
  window?: number,
): Float32Array {
  const [T, P] = [to - from, to];
  const bias = new Float32Array(lines.length * T * P).fill(masked);
  for (const [b, line] of lines.entries()) {
    const first = longest - line.tokens.length;
    for (let t = Math.max(from, first); t < to; t++) {
      const at = (b * T + t - from) * P;
      if (line.branches === undefined) {
        bias.fill(0, at + Math.max(first, window === undefined ? 0 : t - window + 1), at + t + 1);
      } else {
        openBranch(bias, at, line, first, t, window);
      }
    }
  }
  return bias;
}

/** Opens the tokens of the same segment and of its trunk that are not later. */
function openBranch(
  bias: Float32Array,
  at: number,
  line: Line,
  first: number,
  t: number,
  window = Number.POSITIVE_INFINITY,
): void {
  const { segments, trunks } = line.branches!;
  const i = t - first;
  const position = positionOf(line, i);
  for (let j = 0; j <= i; j++) {
    const own = segments[j] === segments[i] || segments[j] === trunks[i];
    const back = position - positionOf(line, j);
    if (own && back >= 0 && back < window) bias[at + first + j] = 0;
  }
}
