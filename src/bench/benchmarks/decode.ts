/** Decoding: one token after the other, for one reader and for many at once. */
import { type Benchmark, forTurns } from '../material/benchmark.js';
import { open } from '../material/open.js';

const promptTokens = 45;
/** Tokens of an answer after its first, which belongs to the prompt's reading. */
const answerTokens = 48;

/** @param atLeast of llama.cpp's rate */
function decode(streams: number, atLeast: number): Benchmark {
  return {
    name: `decode-${streams}`,
    measures: `Greedy answers of ${answerTokens} tokens to prompts of about ${promptTokens}, ${streams} at a time: decoding alone, and with the time that reading the prompts takes.`,
    needs: 'either',
    async open(order) {
      const opened = await open(order);
      const prompts = (turn: number, part: number) =>
        Array.from({ length: streams }, (_, k) =>
          opened.prompt(promptTokens, (2 * turn + part) * streams + k),
        );
      const turns = forTurns((i) => ({ first: prompts(i, 0), whole: prompts(i, 1) }));
      const answer = async (asked: (typeof turns)[number]['first'], maxTokens: number) => {
        const begin = performance.now();
        const answers = await Promise.all(
          asked.map((messages) =>
            opened.model.generate([messages], { maxTokens, temperature: 0, prefix: opened.lead }),
          ),
        );
        const seconds = (performance.now() - begin) / 1000;
        return { seconds, tokens: answers.reduce((sum, [{ tokens }]) => sum + tokens, 0) };
      };
      const turn = async (i: number) => {
        const first = await answer(turns[i].first, 1);
        const whole = await answer(turns[i].whole, 1 + answerTokens);
        const tokens = whole.tokens - streams;
        if (tokens < 0.9 * streams * answerTokens) {
          throw new Error(`answers ended after ${tokens / streams} of ${answerTokens} tokens`);
        }
        return { rate: tokens / (whole.seconds - first.seconds), whole: whole.tokens / whole.seconds };
      };
      await answer(turns[0].first, 4);
      const ids = turns.map(({ first, whole }) => ({
        first: first.map((messages) => opened.ids(messages, opened.lead)),
        whole: whole.map((messages) => opened.ids(messages, opened.lead)),
      }));
      return { shared: { turns: ids, tokens: answerTokens }, turn, close: opened.close };
    },
    peers: [{ name: 'llama.cpp', program: 'llama_cpp.py', task: 'decode' }],
    measured: [
      { key: 'rate', unit: 'tokens/s', better: 'more', ratioBar: { atLeast } },
      { key: 'whole', unit: 'tokens/s, prompts read', better: 'more' },
    ],
  };
}

export const decoding = [decode(1, 1), decode(8, 1.3), decode(32, 1.5)];
