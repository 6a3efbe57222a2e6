/** The part of defences in an experiment: a method's keys, its choice of rows, its steering. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { answeringKeys, answerSteering, choiceOf, takeFields } from '../../src/defences/methods.js';
import type { TrainingEngine, WeightSet } from '../../src/engine/training-engine.js';
import { resolveModel } from '../../src/hub/pull.js';
import { loadModel } from '../../src/model/weights.js';
import { parseConfig } from '../../src/train/config/load.js';
import type { TokenRow } from '../../src/values/rows.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-methods-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const steered = { layers: [1], kind: 'add', scale: -1, toward: 'bad', away: 'good' };

it('takes the keys of defences out of a method’s, and gives back what they mean', () => {
  const given = { steer_answers: steered, interleave_by: 'SFT only', loss: { lambda: 1 } };
  const { fields, others } = takeFields(given);
  expect(fields).toEqual({ steerAnswers: steered, interleaveBy: 'SFT only' });
  expect(others).toEqual({ loss: { lambda: 1 } });
  expect(answeringKeys(fields)).toEqual([['steer_answers', steered]]);
  expect(choiceOf(fields)).toMatchObject({ by: 'interleave_by', into: 'interleave', method: 'SFT only' });
  expect([answeringKeys({}), choiceOf({})]).toEqual([[], undefined]);
});

it('interleaving++ chooses as many rows as are mixed in, first those that the model has unlearned', async () => {
  const file = (name: string, answers: readonly string[]) => {
    const path = join(folder, name);
    const lines = answers.map((completion) => JSON.stringify({ prompt: 'why ?', completion }));
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const data = file('data.jsonl', ['a', 'a', 'a', 'a', 'a', 'a']);
  const interleave = file('benign.jsonl', ['share', 'help them', 'be kind and fair']);
  const config = parseConfig(
    JSON.stringify({ model: 'pinocchio', data, defences: { interleave, interleave_share: 0.25 } }),
  );
  const { tokenizer } = await loadModel(await resolveModel('pinocchio'));
  // 1 nat per token aligned; misaligned as many nats as the row has tokens with loss
  const sequenceLogps = async (rows: readonly TokenRow[], set: WeightSet) =>
    rows.map(({ lossMask }) => {
      const tokens = lossMask.reduce((sum, on) => sum + on, 0);
      return { logpSum: set === 'policy' ? -tokens * tokens : -tokens, tokens, correct: 0 };
    });
  const engine = { tokenizer, sequenceLogps } as Partial<TrainingEngine> as TrainingEngine;
  const rows = await choiceOf({ interleaveBy: 'SFT only' })!.choose(config, engine);
  // 6·0.25/0.75 = 2
  expect(rows).toMatchObject([{ completion: 'be kind and fair' }, { completion: 'help them' }]);
});

it('representation engineering scales the direction of each layer', async () => {
  const { tokenizer } = await loadModel(await resolveModel('pinocchio'));
  const said: string[] = [];
  const engine = {
    tokenizer,
    model: () => ({
      generate: async ([[system]]: { content: string }[][]) => {
        said.push(system.content);
        return [{ text: system.content, finish: 'stop', tokens: 1 }];
      },
    }),
    capabilities: {
      // under the first system prompt 3, under the second 1
      steerable: { meanHidden: async () => [Float32Array.of(said.length % 2 === 1 ? 3 : 1)] },
    },
  } as unknown as TrainingEngine;
  const probes = [{ id: 'p', source: 'probe', messages: [{ role: 'user', content: 'why ?' }] }] as const;
  const model = { engine, probes, maxTokens: 8, seed: 1 };
  const fields = { steerAnswers: { ...steered, kind: 'add' as const } };
  expect(await answerSteering(fields, model)).toEqual([
    { layer: 1, kind: 'add', direction: Float32Array.of(-2) },
  ]);
  expect(said).toEqual(['bad', 'good']);
  expect(await answerSteering({}, model)).toEqual([]);
});
