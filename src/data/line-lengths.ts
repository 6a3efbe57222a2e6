/** Which rows share a line, and how long lines are. Laying rows out in arrays is the engine’s business. */

/**
 * First-fit decreasing bin packing: the longest first, each into the first line with room.
 * At most 11/9 of the best number of lines, plus 6/9 (Dósa 2007).
 *
 * @returns per line the indices of its rows
 */
export function firstFitDecreasing(lengths: readonly number[], capacity: number): number[][] {
  const order = [...lengths.keys()].sort((i, j) => lengths[j] - lengths[i] || i - j);
  const lines: number[][] = [];
  const room: number[] = [];
  for (const i of order) {
    let line = room.findIndex((left) => left >= lengths[i]);
    if (line < 0) line = lines.push([]) - 1;
    lines[line].push(i);
    room[line] = (room[line] ?? capacity) - lengths[i];
  }
  return lines;
}

/**
 * The line lengths T that a dataset is padded to: at most `most` multiples of `multiple`, chosen so
 * that the rows get the least padding. Each length may cost an engine a graph.
 *
 * @param lengths tokens per row
 * @returns ascending; the last holds the longest row
 */
export function bucketLengths(lengths: readonly number[], multiple: number, most: number): number[] {
  const longest = lengths.reduce((max, n) => Math.max(max, n), 1);
  const last = Math.ceil(longest / multiple);
  // rowsUpTo[k]: how many rows are no longer than k multiples.
  const rowsUpTo = new Float64Array(last + 1);
  for (const n of lengths) rowsUpTo[Math.max(1, Math.ceil(n / multiple))]++;
  for (let k = 1; k <= last; k++) rowsUpTo[k] += rowsUpTo[k - 1];
  // cost[k]: least padded size of the rows up to k, when k is a bucket and so many may be used;
  // choice[k]: the bucket below k that gives it.
  let cost = rowsUpTo.map((n, k) => n * k);
  const choices: Int32Array[] = [];
  for (let used = 2; used <= Math.min(most, last); used++) {
    const better = cost.slice();
    const choice = new Int32Array(last + 1);
    for (let k = 1; k <= last; k++) {
      for (let j = 1; j < k; j++) {
        const total = cost[j] + (rowsUpTo[k] - rowsUpTo[j]) * k;
        if (total < better[k]) [better[k], choice[k]] = [total, j];
      }
    }
    cost = better;
    choices.push(choice);
  }
  let k = last;
  const buckets = [k * multiple];
  for (const choice of choices.reverse()) {
    if (choice[k] === 0) continue; // One bucket fewer does as well here.
    k = choice[k];
    buckets.unshift(k * multiple);
  }
  return buckets;
}
