/**
 * Gemma 2 and 3, Mistral, Phi-3, Phi-4-mini, Granite and OLMo 2 against PyTorch's transformers and peft: logits,
 * gradients, greedy generation. Fixtures: test/fixtures/architectures/make_models.py.
 */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxEngine } from '../../src/engine/onnx/engine.js';
import { readAdapter } from '../../src/model/adapter-files.js';
import { configJson, parseConfig } from '../../src/model/hf-config.js';
import { loadModel } from '../../src/model/weights.js';
import { relativeError } from '../relative-error.js';
import {
  adapterName,
  arrayTolerance,
  expectGradients,
  type FixtureRow,
  folder,
  idTokenizer,
  logitsOf,
  lossTolerance,
  readExpected,
  readTensors,
  step,
  tokenRows,
} from './fixtures.js';

interface Expected {
  readonly rows: readonly FixtureRow[];
  readonly base: { readonly loss: number };
  readonly adapter: { readonly loss: number };
  readonly greedy: readonly { readonly prompt: readonly number[]; readonly ids: readonly number[] }[];
  /** config.json as the family's releases spell it. */
  readonly published: Record<string, unknown>;
}

const names = [
  ...['gemma3', 'gemma3-stretched', 'gemma2', 'mistral', 'mistral-window'],
  ...['phi3', 'phi4-mini', 'granite', 'olmo2'],
];

describe.each(names)('%s', async (name) => {
  const place = `../architectures/${name}`;
  const {
    rows: fixtureRows,
    base,
    adapter: adapted,
    greedy,
    published,
  } = readExpected<Expected>(`${place}/expected.json`);
  const tensors = await readTensors(`${place}/expected.safetensors`);
  const rows = tokenRows(fixtureRows);
  const model = await loadModel(join(folder, place));
  const adapter = await readAdapter(join(folder, place, 'adapter'), model.config);

  it('gives the logits of transformers', async () => {
    const error = relativeError(await logitsOf(model, rows), tensors.get('logits')!.data);
    expect(error).toBeLessThanOrEqual(arrayTolerance);
  });

  it('gives the logits of peft', async () => {
    const error = relativeError(await logitsOf(model, rows, adapter), tensors.get('adapter:logits')!.data);
    expect(error).toBeLessThanOrEqual(arrayTolerance);
  });

  it.each([false, true])(
    'gives the gradients of norms, embedding and head, checkpointing %s',
    async (checkpointing) => {
      const { loss, gradients } = await step(new OnnxEngine(model, { checkpointing }), rows);
      expect(relativeError([loss], [base.loss])).toBeLessThanOrEqual(lossTolerance);
      expectGradients(gradients, tensors, 'grad:', (key) => key);
    },
  );

  it.each([false, true])(
    'gives the gradients of every lora_A and lora_B, checkpointing %s',
    async (checkpointing) => {
      const engine = new OnnxEngine(model, { lora: adapter.config, adapter: adapter.tensors, checkpointing });
      const { loss, gradients } = await step(engine, rows);
      expect(relativeError([loss], [adapted.loss])).toBeLessThanOrEqual(lossTolerance);
      expect(expectGradients(gradients, tensors, 'adapter:grad:', adapterName)).toBe(gradients.size);
    },
  );

  describe('generation', () => {
    const config = { ...model.config, eosTokenIds: [] };
    const engine = new OnnxEngine({ ...model, config, tokenizer: idTokenizer });
    afterAll(() => engine.close());

    it('continues prompts greedily as transformers does, together and alone', async () => {
      const answer = async (prompts: readonly (readonly number[])[]) => {
        const chats = prompts.map((ids) => [{ role: 'user' as const, content: ids.join(' ') }]);
        const responses = await engine
          .model('base')
          .generate(chats, { maxTokens: greedy[0].ids.length, temperature: 0 });
        return responses.map(({ text }) => idTokenizer.encode(text));
      };
      expect(await answer(greedy.map(({ prompt }) => prompt))).toEqual(greedy.map(({ ids }) => ids));
      for (const { prompt, ids } of greedy) expect(await answer([prompt])).toEqual([ids]);
    });
  });

  it('reads the spelling of the releases as that of transformers 5, and its own', () => {
    expect(parseConfig(published, 'config.json')).toEqual(model.config);
    expect(parseConfig(configJson(model.config), 'config.json')).toEqual(model.config);
  });
});
