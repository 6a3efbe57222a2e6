/** Reviews, as the conscience makes them: a few hundred tokens read for one word, many with the same beginning. */
import { FRAMEWORKS } from '../../conscience/frameworks.js';
import { builtInProbes } from '../../conscience/probes.js';
import { reviewMany } from '../../conscience/review.js';
import { openActor } from '../../open/actor.js';
import { commonPrefix, promptTokens } from '../../tokenizer/answer-tokens.js';
import { type Benchmark, forTurns } from '../material/benchmark.js';
import { sentence } from '../material/text.js';

/** Of a turn: three turns make 48. */
const count = 16;
const tokens = 300;

export const reviews: Benchmark = {
  name: 'reviews',
  measures: `${count} reviews of ${tokens} tokens in one call, Asimov's question; llama.cpp reads the same tokens with its prompt cache, for one token each.`,
  needs: 'file',
  weight: 2,
  async open({ model: name = '', threads }) {
    const { model, format } = await openActor(name, { threads });
    const framework = format.adapt(FRAMEWORKS.asimov);
    const item = (k: number, words: number) => ({
      prompt: builtInProbes[k % builtInProbes.length],
      response: { text: sentence(k, words), finish: 'stop', tokens: words } as const,
    });
    const idsOf = ({ prompt, response }: ReturnType<typeof item>) =>
      promptTokens(model.tokenizer, format.review(prompt, response, framework), format.reviewPrefix);
    const words = (k: number) => Math.max(1, tokens - idsOf(item(k, 1)).length);
    const turns = forTurns((i) => Array.from({ length: count }, (_, k) => item(count * i + k, words(k))));
    const ids = turns.map((items) => items.map(idsOf));
    const turn = async (i: number) => {
      const begin = performance.now();
      await reviewMany(turns[i], { conscience: model, framework, format, threshold: 0.5, minMass: 0 });
      return { seconds: (performance.now() - begin) / 1000 };
    };
    await turn(0);
    const lengths = ids[0].map(({ length }) => length);
    const shared = Math.min(...ids[0].slice(1).map((each) => commonPrefix(ids[0][0], each)));
    return {
      ...{ shared: { turns: ids }, turn, close: () => model.close() },
      note: `Reviews of ${Math.min(...lengths)} to ${Math.max(...lengths)} tokens, the first ${shared} the same.`,
    };
  },
  peers: [{ name: 'llama.cpp', program: 'llama_cpp.py', task: 'reviews' }],
  // 1.5 times as fast
  measured: [{ key: 'seconds', unit: 's', better: 'less', ratioBar: { atMost: 1 / 1.5 } }],
};
