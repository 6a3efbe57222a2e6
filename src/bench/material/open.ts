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
  /** A prompt of about that many tokens that asks for a long answer. @param seed different seeds begin differently */
  prompt(tokens: number, seed: number): readonly Message[];
  /** The tokens that the model reads. */
  ids(messages: readonly Message[]): number[];
  close(): Promise<void>;
}

/** With a file by `openModel`; without one, random weights of SmolLM2-135M's shape. */
export async function open({ model: name, threads }: Order): Promise<Opened> {
  if (name === undefined) {
    const engine = await openEngine({ model: randomModel(smollm2), threads, lora: UNTRAINED });
    const ids = (messages: readonly Message[]) => engine.tokenizer.encodeChat(messages);
    return {
      model: engine.model('base'),
      prompt: (tokens, seed) => [{ role: 'user', content: someTokens(tokens, seed).join(' ') }],
      ids,
      close: () => engine.close(),
    };
  }
  const model = await openModel(name, { threads });
  const ids = (messages: readonly Message[]) => promptTokens(model.tokenizer, messages);
  const words = new Map<number, number>();
  return {
    model,
    prompt: (tokens, seed) => {
      if (!words.has(tokens))
        words.set(
          tokens,
          wordsFor(tokens, (some) => ids(storyOf(some, 0)).length),
        );
      return storyOf(words.get(tokens)!, seed);
    },
    ids,
    close: () => model.close(),
  };
}

const storyOf = (words: number, seed: number): Message[] => [
  { role: 'user', content: `${sentence(seed, words)}\nContinue these words as a story of many pages.` },
];

/** As many words as fit into `tokens`. */
function wordsFor(tokens: number, lengthOf: (words: number) => number): number {
  let words = 1;
  for (let step = 256; step > 0; step = Math.floor(step / 2)) {
    while (lengthOf(words + step) <= tokens) words += step;
  }
  return words;
}
