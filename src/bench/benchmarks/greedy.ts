/** Whether greedy answers are llama.cpp's: what a faster arithmetic must not change. */
import { builtInCanaries } from '../../conscience/canaries.js';
import { builtInProbes } from '../../conscience/probes.js';
import type { Benchmark, Pair } from '../material/benchmark.js';
import { open } from '../material/open.js';

const tokens = 64;
const prompts = [
  ...builtInProbes.slice(0, 48).map(({ messages }) => messages),
  ...builtInCanaries.map(({ prompt }) => [{ role: 'user', content: prompt } as const]),
].slice(0, 50);
const perTurn = 5;

export const greedy: Benchmark = {
  name: 'greedy',
  measures: `Greedy answers of ${tokens} tokens to ${prompts.length} prompts of the conscience, against llama.cpp's from the same file: shares of llama.cpp's first tokens that stand in both answers before they part.`,
  needs: 'file',
  async open(order) {
    const opened = await open(order);
    const turns = [
      [],
      ...Array.from({ length: prompts.length / perTurn }, (_, i) =>
        prompts.slice(i * perTurn, (i + 1) * perTurn),
      ),
    ];
    return {
      shared: { turns: turns.map((asked) => asked.map((messages) => opened.ids(messages))), tokens },
      turn: async (i) => {
        const answers = await opened.model.generate(turns[i], { maxTokens: tokens, temperature: 0 });
        return { texts: answers.map(({ text }) => text) };
      },
      close: opened.close,
    };
  },
  peers: [{ name: 'llama.cpp', program: 'llama_cpp.py', task: 'greedy' }],
  measured: [],
  compared: [
    { what: 'share of the first 16 tokens', over: (pairs) => equalShare(pairs, 16), bar: { atLeast: 0.9 } },
    { what: `share of all ${tokens} tokens`, over: (pairs) => equalShare(pairs, tokens) },
  ],
  enough: prompts.length / perTurn,
  most: prompts.length / perTurn,
};

/**
 * Share of the peer's first tokens, over all answers, that ours has as well before the two part.
 *
 * @param first how many tokens of an answer count; a shorter one has all of its tokens counted
 */
export function equalShare(pairs: readonly Pair[], first: number): number {
  let [equal, all] = [0, 0];
  for (const { ours, peer } of pairs) {
    for (const [k, grown] of (peer.texts as string[][]).entries()) {
      const text = (ours.texts as string[])[k].trimStart();
      const seen = grown.slice(0, first);
      equal += 1 + seen.findLastIndex((so) => text.startsWith(so.trimStart()));
      all += seen.length;
    }
  }
  return equal / all;
}
