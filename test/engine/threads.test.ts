/** How the threads of a session wait: by the processor time that they take while there is nothing to do. */
import { expect, it } from 'vitest';
import { Program } from '../../src/engine/onnx/runtime.js';
import { Graph } from '../../src/graph/graph.js';
import { matMul } from '../../src/graph/ops.js';

/** Processor time over time, of short products with pauses in between. */
async function busy(spinning?: boolean): Promise<number> {
  const graph = new Graph('threads');
  const size = 256;
  const x = graph.input('x', 'float32', [size, size]);
  graph.output('y', matMul(x, x));
  const program = await Program.compile(graph, {
    threads: 2,
    ...(spinning === undefined ? {} : { spinning }),
  });
  const feed = { data: new Float32Array(size * size), dims: [size, size] };
  const run = () => program.run({ x: feed });
  for (let i = 0; i < 5; i++) await run();
  const [before, start] = [process.cpuUsage(), performance.now()];
  for (let i = 0; i < 40; i++) {
    await run();
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  const { user, system } = process.cpuUsage(before);
  await program.release();
  return (user + system) / 1000 / (performance.now() - start);
}

it('they sleep, unless they are told to spin', async () => {
  const [asleep, spinning] = [await busy(), await busy(true)];
  expect(spinning).toBeGreaterThan(1.5 * asleep);
});
