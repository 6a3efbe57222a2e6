/** Our side of one benchmark, in a process of its own: `worker.js <benchmark> [variant]`. See side-process.ts. */
import { createInterface } from 'node:readline';
import { benchmarks } from './list.js';
import type { Order } from './material/benchmark.js';

const [name, variant] = process.argv.slice(2);
const answer = (fields: object) => process.stdout.write(`${JSON.stringify(fields)}\n`);
// what it started ends with it
process.on('SIGTERM', () => process.exit(143));
process.on('SIGINT', () => process.exit(130));

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => {
  const { value, done } = await lines.next();
  return done ? undefined : JSON.parse(value);
};
try {
  const order: Order = await next();
  const side = await benchmarks.find((one) => one.name === name)!.open(order, variant);
  const { shared, parameters, note } = side;
  answer({ ready: { shared, parameters, note } });
  for (let asked = await next(); asked; asked = await next()) answer({ sample: await side.turn(asked.turn) });
  await side.close();
} catch (error) {
  answer({ error: (error as Error).message });
}
process.exit(0);
