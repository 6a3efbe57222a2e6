/** The conversation of `ealign chat`: reads turns, streams answers. */
import { createInterface } from 'node:readline';
import type { LanguageModel } from '../engine/language-model.js';
import { type OpenModel, openModel } from '../open/model.js';
import type { Message } from '../values/conversation.js';
import { withOwnConscience } from '../zero-shot/own-conscience.js';
import type { ChatOptions } from './chat.js';

/** Holds a conversation on standard input and output until the input ends or the signal stops it. */
export async function converse(options: ChatOptions, signal: AbortSignal): Promise<void> {
  const { seed, model, ...rest } = options;
  const opened = await openModel(model, rest);
  const speaker = options.conscience ? await reviewed(model, opened) : opened;
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
    await opened.close();
  }
}

/** The model with its conscience, which says on standard error what it changed. */
async function reviewed(name: string, model: OpenModel): Promise<LanguageModel> {
  const guarded = await withOwnConscience(name, model, {
    warn: (sentence) => process.stderr.write(`${sentence}\n`),
  });
  return {
    ...guarded,
    generate: async (conversations, options) => {
      const answers = await guarded.answer(conversations, options);
      for (const { outcome, review } of answers) {
        const { verdict } = review;
        const share =
          'pObjection' in verdict ? `, objection ${(100 * verdict.pObjection!).toFixed(0)} %` : '';
        if (outcome !== 'accepted') process.stderr.write(`[${outcome}: draft ${verdict.kind}${share}]\n`);
      }
      return answers.map(({ response }) => response);
    },
  };
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
