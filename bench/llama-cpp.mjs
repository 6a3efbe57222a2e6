/**
 * The peer of bench/load.mjs: llama.cpp through node-llama-cpp, the same file, prompts and greedy answers,
 * as many sequences at once as there would be clients. It is no dependency of ours:
 *
 *     npm install --no-save node-llama-cpp@3.21.1
 *     node bench/llama-cpp.mjs SmolLM2-135M-Instruct.Q4_1.gguf --seconds 30 --clients 1,8,64
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { getLlama, LlamaChatSession } from 'node-llama-cpp';
import { builtInProbes } from '../dist/conscience/probes.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '1,8,64' },
    'max-tokens': { type: 'string', default: '48' },
  },
});
const maxTokens = Number(values['max-tokens']);
const prompts = builtInProbes.slice(0, 24).map(({ messages }) => messages.at(-1).content);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: cpus().length });
const model = await llama.loadModel({ modelPath: positionals[0] });

for (const clients of values.clients.split(',').map(Number)) {
  const context = await model.createContext({
    sequences: clients,
    contextSize: 512,
    batchSize: 512,
    threads: cpus().length,
  });
  let tokens = 0;
  let answers = 0;
  const start = performance.now();
  const end = start + 1000 * Number(values.seconds);
  await Promise.all(
    Array.from({ length: clients }, async (_, c) => {
      const contextSequence = context.getSequence();
      for (let k = c; performance.now() < end; k++) {
        const session = new LlamaChatSession({ contextSequence, autoDisposeSequence: false });
        await session.prompt(prompts[(7 * k) % prompts.length], {
          ...{ temperature: 0, maxTokens },
          onToken: (chunk) => {
            tokens += chunk.length;
          },
        });
        answers += 1;
        session.dispose();
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${String(clients).padStart(3)} sequences: ${(tokens / seconds).toFixed(0)} tokens/s, ${answers} answers`,
  );
  await context.dispose();
}
await model.dispose();
