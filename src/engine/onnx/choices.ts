/**
 * Several continuations of one context in one line of a batch: the context is read once, and
 * each continuation branches off it, seeing the context and itself. The same idea as tree
 * attention in speculative decoding (Miao et al. 2023, arXiv:2305.09781, 4.2).
 */
import { type ChoiceRow, lineLength } from '../choices.js';

/** One line per row. Arrays as in `Batch`; a branch's trunk is the segment it grew from. */
export interface ChoiceBatch {
  readonly B: number;
  readonly T: number;
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  readonly segments: Int32Array;
  readonly trunks: Int32Array;
  readonly predictAt: Int32Array;
  readonly target: Int32Array;
  /** Row and choice that each target belongs to. */
  readonly owners: readonly (readonly [row: number, choice: number])[];
}

export function layOutChoices(rows: readonly ChoiceRow[]): ChoiceBatch {
  const B = rows.length;
  const T = Math.max(1, ...rows.map(lineLength));
  const array = () => new Int32Array(B * T);
  const [ids, positions, segments, trunks] = [array(), array(), array(), array()];
  const predictAt: number[] = [];
  const target: number[] = [];
  const owners: [number, number][] = [];
  for (const [b, { context, choices }] of rows.entries()) {
    let at = b * T;
    const put = (tokens: readonly number[], segment: number, first: number) => {
      ids.set(tokens, at);
      segments.fill(segment, at, at + tokens.length);
      trunks.fill(1, at, at + tokens.length);
      for (let t = 0; t < tokens.length; t++) positions[at + t] = first + t;
      at += tokens.length;
    };
    put(context, 1, 0);
    const end = at - 1;
    for (const [c, choice] of choices.entries()) {
      for (const [t, token] of choice.entries()) {
        predictAt.push(t === 0 ? end : at + t - 1);
        target.push(token);
        owners.push([b, c]);
      }
      put(choice.slice(0, -1), 2 + c, context.length);
    }
  }
  return {
    ...{ B, T, ids, positions, segments, trunks, owners },
    predictAt: Int32Array.from(predictAt),
    target: Int32Array.from(target),
  };
}
