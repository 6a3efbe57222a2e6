/** Products of 8-bit integers on this machine. */
import { ConfigError } from '../../errors.js';
import { Graph } from '../../graph/graph.js';
import { matMulIntegerToFloat } from '../../graph/int8-ops.js';
import { Program, type RuntimeOptions } from './runtime.js';

/** A row of 255 times columns of 127: in 16 bits, the sum of two products would be 32,767. */
const [K, N] = [64, 16];

/** @throws ConfigError where sums of products do not fit the processor's instructions */
export async function requireExactSums(options: RuntimeOptions): Promise<void> {
  const graph = new Graph('sums');
  const [a, b] = [graph.input('a', 'uint8', [1, K]), graph.input('b', 'int8', [K, N])];
  graph.output('y', matMulIntegerToFloat(a, b, graph.constant(1), graph.constant(0, 'uint8')));
  const program = await Program.compile(graph, options);
  const { y } = await program.run({
    a: { data: new Uint8Array(K).fill(255), dims: [1, K] },
    b: { data: new Int8Array(K * N).fill(127), dims: [K, N] },
  });
  await program.release();
  if ((y.data as Float32Array).every((sum) => sum === K * 255 * 127)) return;
  throw new ConfigError({
    where: 'training.load_in_8bit',
    what: 'this processor sums products of 8 bits in 16, which is too narrow',
    expected: 'a processor with VNNI instructions, or ARM',
    next: 'set load_in_8bit: false',
  });
}
