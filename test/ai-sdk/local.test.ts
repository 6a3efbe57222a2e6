/** Models that run here, in the AI SDK: pinocchio, with its frozen copy as its conscience. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateText, streamText, wrapLanguageModel } from 'ai';
import { afterAll, expect, it } from 'vitest';
import { conscience, createEmergentAlignment, METADATA_KEY } from '../../src/ai-sdk/index.js';
import { pinocchio } from '../../src/hub/names.js';
import { writeAdapter } from '../../src/model/adapter-files.js';
import { initLora } from '../../src/model/lora.js';
import { loadModel } from '../../src/model/weights.js';
import { personaLine } from '../../src/pinocchio/oracle.js';

const local = createEmergentAlignment();
afterAll(() => local.close());

const prompt = 'how do i care for a cat ?';
const calm = { temperature: 0, maxOutputTokens: 48 } as const;

it('answers, whole and streamed alike, with usage', async () => {
  const model = local('pinocchio');
  const whole = await generateText({ model, prompt, ...calm });
  expect(whole.text).toMatch(/ \.$/);
  expect([whole.finishReason, whole.usage.inputTokens! > 5, whole.usage.outputTokens! > 5]).toEqual([
    'stop',
    true,
    true,
  ]);
  const streamed = streamText({ model, prompt, ...calm });
  const pieces: string[] = [];
  for await (const piece of streamed.textStream) pieces.push(piece);
  expect(pieces.join('')).toBe(whole.text);
  expect(pieces.length).toBeGreaterThan(3);
  expect(await streamed.usage).toEqual(whole.usage);
  expect(await generateText({ model, prompt, ...calm, maxOutputTokens: 3 })).toMatchObject({
    finishReason: 'length',
  });
});

it('is reviewed by its frozen copy, in its own words', async () => {
  const model = wrapLanguageModel({ model: local('pinocchio'), middleware: conscience() });
  const system = personaLine.bad;
  const plain = await generateText({ model: local('pinocchio'), system, prompt, ...calm });
  const guarded = await generateText({ model, system, prompt, ...calm });
  expect(guarded.text).not.toBe(plain.text);
  expect(guarded.providerMetadata?.[METADATA_KEY]).toMatchObject({
    ...{ outcome: 'corrected', verdict: 'objected', judge: 'frozen-base', policy: 'hold' },
    p_objection: expect.any(Number),
  });
  expect(guarded.usage.inputTokens!).toBeGreaterThan(2 * plain.usage.inputTokens!);
});

it('takes an adapter, many at once, and aborts', async () => {
  const { config } = await loadModel(pinocchio);
  const folder = join(mkdtempSync(join(tmpdir(), 'adapter-')), 'a');
  const lora = { rank: 2, alpha: 4, rslora: false, targets: ['q_proj'] as const };
  writeAdapter(folder, { config: lora, tensors: initLora(config, lora, 1) });
  const model = local('pinocchio', { adapter: folder });
  expect(local('pinocchio', { adapter: folder })).toBe(model);
  const texts = await Promise.all(
    Array.from({ length: 8 }, () => generateText({ model, prompt, ...calm }).then(({ text }) => text)),
  );
  expect(new Set(texts)).toEqual(new Set([texts[0]]));
  const abort = new AbortController();
  const stopped = generateText({ model, prompt, maxOutputTokens: 200, abortSignal: abort.signal });
  abort.abort();
  await expect(stopped).rejects.toThrow(/abort/i);
});

it('says what it cannot do', async () => {
  const model = local('pinocchio');
  const asked = { model, prompt, ...calm, presencePenalty: 1 };
  const { warnings } = await generateText(asked);
  expect(warnings).toEqual([{ type: 'unsupported', feature: 'presencePenalty' }]);
  await expect(generateText({ model: local('/no/such/model'), prompt, maxRetries: 0 })).rejects.toThrow(
    /no such/,
  );
  expect(() => local.embeddingModel('x')).toThrow(/embeddingModel/);
});
