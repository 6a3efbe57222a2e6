/** Which sequences share a forward pass that needs no gradient. */

/** Padded tokens of one pass: bounds the memory of its activations. */
export const forwardTokens = 4096;

/** Indices of sequences of like length, in groups of at most so many padded tokens. */
export function byTokens(lengths: readonly number[], most = forwardTokens): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[a] - lengths[b] || a - b);
  const groups: number[][] = [];
  for (const i of order) {
    const group = groups.at(-1);
    if (group && (group.length + 1) * lengths[i] <= most) group.push(i);
    else groups.push([i]);
  }
  return groups;
}
