/** The conversation of `ealign chat`: reads turns, streams answers. */
import { createInterface } from 'node:readline';
import type { Message } from '../data/values.js';
import { OnnxEngine } from '../engine/onnx/engine.js';
import { resolveModel } from '../hub/pull.js';
import { readAdapter } from '../model/adapter-files.js';
import { loadModel } from '../model/weights.js';
import type { ChatOptions } from './chat.js';

/** Holds a conversation on standard input and output until the input ends or the signal stops it. */
export async function converse(options: ChatOptions, signal: AbortSignal): Promise<void> {
  const { device, threads, seed, adapter: folder } = options;
  const model = await loadModel(await resolveModel(options.model));
  const adapter = folder === undefined ? undefined : await readAdapter(folder, model.config);
  const engine = new OnnxEngine(model, {
    device,
    ...(threads > 0 ? { threads } : {}),
    // without an adapter nothing is trained: an empty one keeps the weights from being copied
    lora: adapter?.config ?? { rank: 1, alpha: 1, rslora: false, targets: [] },
    ...(adapter ? { adapter: adapter.tensors } : {}),
  });
  const speaker = engine.model(adapter ? 'policy' : 'base');
  const messages: Message[] =
    options.system === undefined ? [] : [{ role: 'system', content: options.system }];
  let turn = 0;
  const answer = async (content: string): Promise<void> => {
    messages.push({ role: 'user', content });
    const [response] = await speaker.generate([messages], {
      maxTokens: options.maxTokens,
      temperature: options.temperature,
      topP: options.topP,
      topK: options.topK,
      seed: seed + turn++,
      onText: (_, piece) => process.stdout.write(piece),
      signal,
    });
    process.stdout.write('\n');
    messages.push({ role: 'assistant', content: response.text });
  };
  try {
    if (options.prompt !== undefined) await answer(options.prompt);
    else await readTurns(answer, signal);
  } finally {
    await engine.close();
  }
}

async function readTurns(answer: (content: string) => Promise<void>, signal: AbortSignal): Promise<void> {
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    ...(terminal ? { output: process.stdout, prompt: '> ' } : {}),
  });
  const stop = () => lines.close();
  signal.addEventListener('abort', stop);
  lines.on('SIGINT', stop);
  if (terminal) lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') await answer(line);
    if (signal.aborted) break;
    if (terminal) lines.prompt();
  }
  signal.removeEventListener('abort', stop);
}
