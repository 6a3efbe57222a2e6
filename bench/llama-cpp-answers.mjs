/**
 * Do we continue prompts as llama.cpp does? The same GGUF file through both: token ids, greedy continuations, and
 * log-probabilities of llama.cpp's twelve likeliest next tokens. node-llama-cpp is no dependency of ours:
 *
 *     npm install --no-save node-llama-cpp@3.21.1
 *     node bench/llama-cpp-answers.mjs gemma-3-270m.gguf
 *
 * llama.cpp rounds what it multiplies with a quantised matrix to eight bits; to compare without that, give it a file
 * whose matrices are F32. Prints a JSON line a prompt.
 */
import { getLlama } from 'node-llama-cpp';
import { OnnxEngine } from '../dist/engine/onnx/engine.js';
import { loadModel } from '../dist/model/weights.js';

const path = process.argv[2];
const count = 48;
/** Longer than the windows of Gemma 3. */
const lines = Array.from({ length: 60 }, (_, i) => {
  const number = (i * 37) % 101;
  return `Line ${i}: the number ${number} comes after ${number - 1}.`;
});
const prompts = [
  'The capital of France is',
  'def fibonacci(n):\n    ',
  'Once upon a time, in a village by the sea, there lived',
  'The three laws of robotics are:',
  'Water boils at',
  'import numpy as np\n',
  lines.join(' '),
];

// one thread: several would wait for each other on a busy machine
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1 });
const peer = await llama.loadModel({ modelPath: path });
const cache = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' };
const context = await peer.createContext({ contextSize: 2048, flashAttention: false, ...cache });

const model = await loadModel(path);
// a prompt is its text, without a chat template
const tokenizer = Object.create(model.tokenizer, {
  renderChat: { value: (messages) => messages.at(-1).content },
  encodeChat: {
    value: (messages) => model.tokenizer.encode(messages.at(-1).content, { addSpecialTokens: true }),
  },
});
const frozen = { rank: 1, alpha: 1, rslora: false, targets: [] };
const engine = new OnnxEngine({ ...model, tokenizer }, { lora: frozen, maxLength: 2048 });

for (const prompt of prompts) {
  const ids = tokenizer.encodeChat([{ content: prompt }]);
  const sequence = context.getSequence();
  const own = peer.tokenize(prompt, false);
  const begun = ids[0] === peer.tokens.bos ? [peer.tokens.bos, ...own] : own;
  const asked = [begun.at(-1), { generateNext: { probabilities: true, options: { temperature: 0 } } }];
  const evaluated = await sequence.controlledEvaluate([...begun.slice(0, -1), asked]);
  const likeliest = [...evaluated.at(-1).next.probabilities].slice(0, 12);
  await sequence.clearHistory();
  const continued = [];
  for await (const token of sequence.evaluate(begun, { temperature: 0 })) {
    if (peer.isEogToken(token)) break;
    continued.push(token);
    if (continued.length === count) break;
  }
  sequence.dispose();

  const [logps] = await engine.choiceLogps(
    [{ context: ids, choices: likeliest.map(([token]) => [token]) }],
    'base',
  );
  const conversation = [{ role: 'user', content: prompt }];
  const [{ text }] = await engine
    .model('base')
    .generate([conversation], { maxTokens: count, temperature: 0 });
  const wanted = peer.detokenize(continued);
  console.log(
    JSON.stringify({
      prompt: prompt.slice(0, 40),
      tokens: ids.length,
      sameIds: ids.join() === begun.join(),
      sameContinuation: text.startsWith(wanted) || wanted.startsWith(text),
      largestLogpDifference: Math.max(
        ...likeliest.map(([, probability], i) => Math.abs(Math.log(probability) - logps[i])),
      ),
      ours: text,
      theirs: wanted,
    }),
  );
}
await engine.close();
await llama.dispose();
