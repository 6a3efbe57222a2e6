/** Training and sampling through our worker on PyTorch, beside plain loops of transformers and peft in the same Python. */
import type { Benchmark } from '../material/benchmark.js';
import { forTurns } from '../material/benchmark.js';
import { type OpenedTorch, openTorch, torchRow } from '../material/torch.js';

const program = 'torch_side.py';
const length = 256;
const [beta, lambda] = [0.1, 0.1];
const lines = 4;
const plain = 'transformers + peft';
/** Answers at a time, tokens of their prompts, and their own. */
const [answers, promptLength, answerLength] = [32, 64, 48];

/**
 * Operations of a step that a training step needs: 2 a weight forward and 2 backward, since LoRA needs no gradient of
 * the weights; 2 for the pair's reference. What a side computes beside that counts as time only.
 */
const useful = (weights: number) => 2 * weights * length * (2 * lines + 2);

function openRows(vocabSize: number) {
  const rows = Array.from({ length: lines - 2 }, (_, k) => torchRow(length, k, 1, vocabSize));
  const [chosen, rejected] = [0, 1].map((k) => torchRow(length, lines - 2 + k, length / 4, vocabSize));
  return { rows, chosen, rejected };
}

const step: Benchmark = {
  name: 'torch-step',
  measures: `One step of LoRA (rank 16, all linear layers of a block) in bfloat16 on PyTorch, random weights of Qwen2.5-0.5B's shape unless --shape says otherwise: ${lines - 2} rows of ${length} tokens and one preference pair of ${length} each, the reference's log-probabilities and AdamW included. Share of the peak: useful operations over those of a large product of matrices in bfloat16. TRL: the same loop with TRL's log-probabilities.`,
  needs: 'nothing',
  weight: 3,
  async open(order) {
    const opened = await openTorch(order);
    const { engine, vocabSize, weights, peak, folder } = opened;
    const { rows, chosen, rejected } = openRows(vocabSize);
    const sftWeight = 1 / (rows.length * (length - 1));
    const one = async () => {
      const [c, r] = await engine.sequenceLogps([chosen, rejected], 'base');
      const reference = { chosen: c.logpSum, rejected: r.logpSum };
      const pairs = [{ chosen, rejected, reference, weight: 1 }];
      const { loss } = await engine.accumulate({ rows, sftWeight, pairs, lambda, beta });
      await engine.update({ learningRate: 1e-4, maxGradNorm: 0 });
      return loss;
    };
    const first = await one();
    const all = [...rows, chosen, rejected];
    return {
      shared: {
        ...{ folder, supervised: lines - 2, beta, lambda, operations: useful(weights), peak, loss: first },
        ids: all.map(({ ids }) => [...ids]),
        masks: all.map(({ lossMask }) => [...lossMask]),
      },
      turn: async () => {
        const begin = performance.now();
        await one();
        const seconds = (performance.now() - begin) / 1000;
        return {
          rate: (lines * length) / seconds,
          share: (100 * useful(weights)) / (seconds * peak),
          bytes: await opened.bytes(),
        };
      },
      close: opened.close,
    };
  },
  peers: [
    { name: plain, program, task: 'step', options: { loss: 'plain' }, anywhere: true },
    { name: 'TRL', program, task: 'step', options: { loss: 'trl' }, anywhere: true },
  ],
  measured: [
    { key: 'rate', unit: 'tokens/s', better: 'more', ratioBar: { atLeast: 0.95 }, barPeer: plain },
    { key: 'share', unit: '% of the peak', better: 'more' },
    { key: 'bytes', unit: 'GB', better: 'less', ratioBar: { atMost: 1 }, barPeer: plain },
  ],
};

const sampling: Benchmark = {
  name: 'torch-sampling',
  measures: `${answers} answers of ${answerLength} tokens at temperature 1 to prompts of ${promptLength}, at once, in bfloat16 on PyTorch, random weights of Qwen2.5-0.5B's shape unless --shape says otherwise, against generate of transformers with one batch.`,
  needs: 'nothing',
  async open(order) {
    const opened: OpenedTorch = await openTorch(order);
    const { engine, vocabSize, folder } = opened;
    const turns = forTurns((turn) =>
      Array.from({ length: answers }, (_, k) => [
        ...torchRow(promptLength, turn * answers + k, 0, vocabSize).ids,
      ]),
    );
    const model = engine.model('policy');
    const asked = (prompts: readonly number[][]) =>
      model.generate(
        prompts.map((ids) => [{ role: 'user', content: ids.join(' ') }]),
        { maxTokens: answerLength, temperature: 1, seed: 1 },
      );
    const begun = await asked(turns[0]);
    if (begun.some(({ tokens }) => tokens !== answerLength)) throw new Error('answers ended early');
    return {
      shared: { folder, turns, tokens: answerLength },
      turn: async (i) => {
        const begin = performance.now();
        await asked(turns[i]);
        return { rate: (answers * answerLength) / ((performance.now() - begin) / 1000) };
      },
      close: opened.close,
    };
  },
  peers: [{ name: 'transformers', program, task: 'sample', anywhere: true }],
  measured: [{ key: 'rate', unit: 'tokens/s', better: 'more', ratioBar: { atLeast: 0.9 } }],
};

export const onTorch = [step, sampling];
