/**
 * Probabilities of labels, numbers and begun answers with a tokenizer that writes a text differently
 * where nothing stands before it, as SentencePiece does.
 */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { GrowingRow } from '../../src/engine/onnx/generate.js';
import { type ChatTokenizer, loadTokenizer } from '../../src/tokenizer/tokenizer.js';
import type { Message } from '../../src/values/conversation.js';
import { letterTokenizer, tinyModel } from './tiny.js';

/** Puts a space before whatever it is given; digits are the tokens 30 to 39. */
const spaced: ChatTokenizer = {
  ...letterTokenizer,
  encode: (text) =>
    text === ''
      ? []
      : [...` ${text}`].flatMap((c) => (/\d/.test(c) ? [30 + Number(c)] : letterTokenizer.encode(c))),
  decode: (ids) => text(ids).replace(/^ /, ''),
};
const text = (ids: readonly number[]) =>
  ids.map((id) => (id >= 30 && id < 40 ? String(id - 30) : letterTokenizer.decode([id]))).join('');

const engine = new OnnxEngine({ ...tinyModel({ maxPositions: 96 }), tokenizer: spaced });
const model = engine.model('base');
afterAll(() => engine.close());

const say = (content: string): Message[] => [{ role: 'user', content }];
const questions = [say('is it good'), say('is it bad and why'), say('rate it')];

/** Log-probability of a text behind the prompt, both tokenised together, by a plain forward pass. */
async function together(messages: readonly Message[], answer: string): Promise<number> {
  const prompt = spaced.renderChat(messages, { addGenerationPrompt: true });
  const ids = Int32Array.from(spaced.encode(prompt + answer));
  const from = spaced.encode(prompt).length;
  const row = { ids, lossMask: Uint8Array.from(ids, (_, t) => Number(t >= from)), where: 'row' };
  const [{ logpSum }] = await engine.sequenceLogps([row], 'base');
  return logpSum;
}

describe('where a text alone has other tokens than behind a prompt', () => {
  it('labels are read as the model would say them', async () => {
    const labels = ['yes', 'no'];
    const logps = await model.labelLogps(questions, labels);
    const prefixed = await model.labelLogps(questions, labels, { prefix: 'verdict ' });
    for (const [q, messages] of questions.entries()) {
      for (const [l, label] of labels.entries()) {
        expect(logps[q][l]).toBeCloseTo(await together(messages, label), 4);
        const whole = await together(messages, `verdict ${label}`);
        expect(prefixed[q][l]).toBeCloseTo(whole - (await together(messages, 'verdict ')), 4);
      }
    }
  });

  it('numbers are read digit by digit, the shorter without the longer', async () => {
    const numbers = ['8', '85', '80'];
    const [row] = await model.answerProbabilities([questions[2]], numbers);
    const [eight, ...longer] = await Promise.all(numbers.map((n) => together(questions[2], n)));
    const [p85, p80] = longer.map(Math.exp);
    expect(row![1]).toBeCloseTo(p85, 6);
    expect(row![2]).toBeCloseTo(p80, 6);
    expect(row![0]).toBeCloseTo(Math.exp(eight) - p85 - p80, 6);
  });

  it('an answer that was begun goes on with the space of its next word', () => {
    const tokenizer = loadTokenizer(join(import.meta.dirname, '../fixtures/model/tokenizers/tinyllama'));
    const options = { maxTokens: 1, temperature: 0, prefix: 'I think' };
    const row = new GrowingRow({ index: 0, tokens: [1], limit: 1 }, tokenizer, options);
    row.grow({ best: tokenizer.encode('is')[0] });
    expect(row.response().text).toBe('I think is');
  });
});
