/** How benchmarks open models: as users do. */
import type { LanguageModel } from '../../engine/language-model.js';
import { openEngine, UNTRAINED } from '../../open/engine.js';
import { openModel } from '../../open/model.js';
import { promptTokens } from '../../tokenizer/answer-tokens.js';
import type { Message } from '../../values/conversation.js';
import type { Order } from './benchmark.js';
import { randomModel, smollm2, someTokens } from './shape.js';
import { sentence } from './text.js';

export interface Opened {
  readonly model: LanguageModel;
  /** What long answers are made to begin with: one that counts does not end early. */
  readonly lead: string;
  /** A prompt of about that many tokens that asks for a long answer. @param seed different seeds begin differently */
  prompt(tokens: number, seed: number): readonly Message[];
  /** The tokens that the model reads. @param lead what the answer begins with. Default: nothing */
  ids(messages: readonly Message[], lead?: string): number[];
  close(): Promise<void>;
}

/** With a file by `openModel`; without one, random weights of SmolLM2-135M's shape. */
export async function open({ model: name, threads }: Order): Promise<Opened> {
  if (name === undefined) {
    const engine = await openEngine({ model: randomModel(smollm2), threads, lora: UNTRAINED });
    const ids = (messages: readonly Message[]) => engine.tokenizer.encodeChat(messages);
    return {
      ...{ model: engine.model('base'), lead: '' },
      prompt: (tokens, seed) => [{ role: 'user', content: someTokens(tokens, seed).join(' ') }],
      ids,
      close: () => engine.close(),
    };
  }
  const model = await openModel(name, { threads });
  const ids = (messages: readonly Message[], lead = '') => promptTokens(model.tokenizer, messages, lead);
  const words = new Map<number, number>();
  return {
    ...{ model, lead: '1, 2, 3, 4, 5,' },
    prompt: (tokens, seed) => {
      if (!words.has(tokens))
        words.set(
          tokens,
          wordsFor(tokens, (some) => ids(countingOf(some, 0)).length),
        );
      return countingOf(words.get(tokens)!, seed);
    },
    ids,
    close: () => model.close(),
  };
}

const countingOf = (words: number, seed: number): Message[] => [
  { role: 'user', content: `${sentence(seed, words)}\nNow count to a thousand.` },
];

/** As many words as fit into `tokens`. */
function wordsFor(tokens: number, lengthOf: (words: number) => number): number {
  let words = 1;
  for (let step = 256; step > 0; step = Math.floor(step / 2)) {
    while (lengthOf(words + step) <= tokens) words += step;
  }
  return words;
}
