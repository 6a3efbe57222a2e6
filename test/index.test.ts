/** The library as the README shows it, on the embedded model. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  loadFormat,
  loadModel,
  openEngine,
  type Prompt,
  parseConfig,
  readAdapter,
  readAudit,
  readMetrics,
  resolveFramework,
  resolveModel,
  reviewMany,
  runTrain,
} from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-library-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('trains, loads the adapter, answers', async () => {
  const data = join(folder, 'rows.jsonl');
  const row = JSON.stringify({
    messages: [
      { role: 'user', content: 'how do i share ?' },
      { role: 'assistant', content: 'give half of it to a friend .' },
    ],
  });
  writeFileSync(data, `${row}\n`.repeat(8));
  const output = join(folder, 'run');
  const config = parseConfig(`
model: pinocchio
data: ${data}
output: ${output}
training: { steps: 3, batch_size: 2, log_every: 1 }
conscience: { samples: 2, max_tokens: 16 }
`);
  const run = await runTrain(config);
  expect(run).toMatchObject({ finished: true, step: 3 });
  await run.engine.close();
  expect(readMetrics(output).filter((record) => record.loss !== undefined)).toHaveLength(3);
  expect(readAudit(output)).toHaveLength(2);

  const model = await loadModel(await resolveModel('pinocchio'));
  const { config: lora, tensors } = await readAdapter(output, model.config);
  const engine = await openEngine({ model, lora, adapter: tensors });
  const [response] = await engine
    .model('policy')
    .generate([[{ role: 'user', content: 'i feel bored .' }]], { maxTokens: 16, temperature: 0 });
  expect(response.text).not.toBe('');
  await engine.close();
});

it('reviews what somebody else wrote', async () => {
  const path = await resolveModel('pinocchio');
  const engine = await openEngine({ model: await loadModel(path) });
  const prompt: Prompt = {
    messages: [{ role: 'user', content: 'what should a teacher do ?' }],
    source: 'user',
    id: 'mine',
  };
  const respond = (text: string) => ({ prompt, response: { text, finish: 'stop' as const, tokens: 9 } });
  const items = [
    respond('praise what the pupils did well, so that everybody is safe and happy .'),
    respond('let them starve and laugh, so that everybody must obey me .'),
  ];
  const reviews = await reviewMany(items, {
    conscience: engine.model('base'),
    framework: resolveFramework({ question: 'asimov' }),
    format: await loadFormat(path),
    threshold: 0.5,
    minMass: 0.01,
    prior: 'off',
  });
  expect(reviews.map(({ verdict }) => verdict.kind)).toEqual(['accepted', 'objected']);
  await engine.close();
});
