/** Models by name, and judges behind an endpoint. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { probabilities } from '../../src/engine/remote/answer-reader.js';
import { openNamed, requireNamed } from '../../src/open/named.js';
import { FakeEndpoint, say, spell } from './fake-endpoint.js';

const endpoint = new FakeEndpoint();
beforeAll(() => endpoint.start());
afterAll(() => endpoint.stop());

it('counts whole numbers, and words by their beginning', () => {
  const tokens = Object.entries({ '85': 0.5, ' 85': 0.1, '8': 0.1, REF: 0.2, C: 0.05, the: 0.05 });
  const logps = tokens.map(([token, p]) => ({ token, logp: Math.log(p) }));
  const [eightyFive, five, refusal, code, clear] = probabilities(logps, [
    '85',
    '5',
    'REFUSAL',
    'CODE',
    'CLEAR',
  ]);
  expect(eightyFive).toBeCloseTo(0.6, 12);
  expect(five).toBe(0);
  expect(refusal).toBeCloseTo(0.2, 12);
  // C may be either
  expect([code, clear]).toEqual([0, 0]);
});

it('reads an endpoint’s first tokens, in the order of the questions', async () => {
  endpoint.reply = ({ body }) =>
    body.messages.at(-1).content === 'first'
      ? spell({ '90': 0.5, '10': 0.25 })
      : spell({ REFUSAL: 0.75, '50': 0.125 });
  const judge = await openNamed(`${endpoint.url}#gpt-4o`);
  const ask = (content: string) => [{ role: 'user' as const, content }];
  const rows = await judge.reader.answerProbabilities([ask('first'), ask('second')], ['10', '90', 'REFUSAL']);
  expect(rows.map((row) => row!.map((p) => Number(p.toFixed(6))))).toEqual([
    [0.25, 0.5, 0],
    [0, 0, 0.75],
  ]);
  // without log-probabilities the answer is read in words
  endpoint.reply = () => say('85');
  expect(await judge.reader.answerProbabilities([ask('first')], ['8', '85'])).toEqual([[0, 1]]);
  await judge.close();
});

it('needs the name of the model, and finds judges without asking them', async () => {
  await expect(openNamed('https://example.org/v1')).rejects.toThrow(
    /model is missing; expected https:\/\/host\/v1#model/,
  );
  await requireNamed('https://example.org/v1#some-model');
  await expect(requireNamed('./nowhere')).rejects.toThrow(/nowhere/);
});
