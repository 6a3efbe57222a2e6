/** Reading a prompt. */
import { type Benchmark, forTurns } from '../material/benchmark.js';
import { open } from '../material/open.js';

const tokens = 512;

export const prompt: Benchmark = {
  name: 'prompt',
  measures: `Reading a prompt of ${tokens} tokens up to the answer's first, no two with the same beginning.`,
  needs: 'either',
  async open(order) {
    const opened = await open(order);
    const prompts = forTurns((i) => opened.prompt(tokens, 1000 + i));
    const ids = prompts.map((messages) => opened.ids(messages));
    const turn = async (i: number) => {
      const begin = performance.now();
      await opened.model.generate([prompts[i]], { maxTokens: 1, temperature: 0 });
      return { rate: (1000 * ids[i].length) / (performance.now() - begin) };
    };
    await turn(0);
    return { shared: { turns: ids }, turn, close: opened.close };
  },
  peers: [{ name: 'llama.cpp', program: 'llama_cpp.py', task: 'prompt' }],
  measured: [{ key: 'rate', unit: 'tokens/s', better: 'more', ratioBar: { atLeast: 1 } }],
};
