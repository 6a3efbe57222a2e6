/**
 * Memory of reading files of rows: `node --expose-gc bench/data-memory.mjs FILE…`
 *
 * Reads each file row by row and keeps none. One JSON line a file: rows, seconds, and the highest heap and resident
 * memory over what was there before, in MB. With files of n and 10·n rows it shows whether reading streams.
 */
import { Problems } from '../dist/data/files/problems.js';
import { readSource } from '../dist/data/read-source.js';

const EVERY = 1000;
const used = () => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed + arrayBuffers, rss };
};
const mb = (bytes) => Math.round(bytes / 1e5) / 10;

for (const file of process.argv.slice(2)) {
  const before = used();
  const began = performance.now();
  const most = { ...before };
  let rows = 0;
  for await (const _ of readSource(file, new Problems())) {
    if (++rows % EVERY !== 0) continue;
    const now = used();
    for (const key of ['heap', 'rss']) most[key] = Math.max(most[key], now[key]);
  }
  const seconds = Math.round((performance.now() - began) / 10) / 100;
  const record = { file, rows, seconds, heap: mb(most.heap - before.heap), rss: mb(most.rss - before.rss) };
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
