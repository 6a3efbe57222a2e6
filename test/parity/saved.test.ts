/** Models and adapters saved here, loaded by transformers and peft: same logits. Needs Python with peft. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeAdapter } from '../../src/model/adapter-files.js';
import { initLora } from '../../src/model/lora.js';
import { type LoraConfig, projections } from '../../src/model/lora-modules.js';
import { loadModel, saveModel } from '../../src/model/weights.js';
import { Random } from '../../src/random.js';
import { relativeError } from '../relative-error.js';
import { arrayTolerance, type FixtureRow, folder, logitsOf, readExpected, tokenRows } from './fixtures.js';

const python = 'python3';
const canCheck =
  spawnSync(python, [
    '-c',
    'import sys; from importlib.util import find_spec as f; sys.exit(not all(map(f, ("torch", "transformers", "peft"))))',
  ]).status === 0;

const architectures = join(folder, '../architectures');
/** Models of ../fixtures/architectures, named by their place beside those of the parity folder. */
const further = readdirSync(architectures)
  .filter((name) => existsSync(join(architectures, name, 'config.json')))
  .map((name) => join('../architectures', name));

const cases: { name: string; lora?: LoraConfig }[] = [
  { name: 'llama', lora: { rank: 4, alpha: 8, rslora: false, targets: projections } },
  { name: 'qwen2-tied', lora: { rank: 2, alpha: 16, rslora: false, targets: ['q_proj', 'v_proj'] } },
  { name: 'qwen3', lora: { rank: 3, alpha: 5, rslora: true, targets: projections } },
  {
    name: 'llama',
    lora: { rank: 1, alpha: 8, rslora: false, targets: ['mlp.down_proj', 'q_proj'], layers: [1] },
  },
  {
    name: 'qwen3',
    lora: { rank: 2, alpha: 4, rslora: false, targets: '.*\\.1\\..*proj', exclude: ['q_proj'] },
  },
  { name: 'llama3-tied' },
  { name: 'llama-wide-heads' },
  { name: 'qwen2-tied' },
  { name: 'qwen3' },
  ...further.flatMap((name) => [
    { name },
    {
      name,
      lora: { rank: 2, alpha: 4, rslora: false, targets: ['qkv_proj', 'gate_up_proj', ...projections] },
    },
  ]),
];

describe.skipIf(!canCheck)('saved here, loaded by transformers and peft', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'ealign-parity-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));
  let errors: number[];

  // one process for all: starting PyTorch takes seconds
  beforeAll(async () => {
    const jobs: { model: string; adapter?: string; rows: number[][] }[] = [];
    const ours: Float32Array[] = [];
    for (const [i, { name, lora }] of cases.entries()) {
      const model = await loadModel(join(folder, name));
      const { rows } = readExpected<{ rows: FixtureRow[] }>(`${name}/expected.json`);
      const target = join(scratch, String(i));
      const ids = rows.map((row) => [...row.ids]);
      if (lora) {
        const tensors = initLora(model.config, lora, i);
        for (const [key, { data }] of tensors) {
          const random = new Random('parity', key);
          if (key.endsWith('lora_B')) for (let k = 0; k < data.length; k++) data[k] = 0.3 * random.normal();
        }
        writeAdapter(target, { config: lora, tensors });
        jobs.push({ model: join(folder, name), adapter: target, rows: ids });
        ours.push(await logitsOf(model, tokenRows(rows), { config: lora, tensors }));
      } else {
        saveModel(target, { ...model, tokenizerFilesFrom: model.path });
        jobs.push({ model: target, rows: ids });
        ours.push(await logitsOf(model, tokenRows(rows)));
      }
    }
    const script = join(folder, 'check_adapter.py');
    const { stdout } = await promisify(execFile)(python, [script, JSON.stringify(jobs)], {
      maxBuffer: 1 << 26,
    });
    errors = stdout
      .trim()
      .split('\n')
      .map((line, i) => relativeError((JSON.parse(line) as number[][][]).flat(2), ours[i]));
  });

  it.each(cases.map(({ name, lora }, i) => ({ what: lora ? `an adapter on ${name}` : name, i })))(
    'gives the same logits: $what',
    ({ i }) => expect(errors[i]).toBeLessThanOrEqual(arrayTolerance),
  );
});
