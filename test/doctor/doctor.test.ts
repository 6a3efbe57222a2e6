/** A diagnosis, of this machine and of runs that it could have. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { examine } from '../../src/doctor/doctor.js';
import { totalOf } from '../../src/doctor/memory.js';
import { renderDiagnosis } from '../../src/doctor/render.js';
import { trainingShape } from '../../src/doctor/shape.js';
import { parseConfig } from '../../src/train/config/load.js';
import { TinkerDouble } from '../engine/tinker-double.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-doctor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const rows = join(folder, 'rows.jsonl');
writeFileSync(
  rows,
  ['a b', 'a cat and a dog'].map((text) => `${JSON.stringify({ prompt: 'a', completion: text })}\n`).join(''),
);

const config = (more = '') => parseConfig(`model: pinocchio\ndata: ${rows}\neval_split: 0\n${more}`);

describe('trainingShape', () => {
  it('counts weights and adapter, and reads the longest row', async () => {
    const read = { read: true, onGpu: false };
    const { model, run, rows: said } = await trainingShape(config('conscience: {enabled: false}'), read);
    // 4 layers of q 128·128, k and v 128·64, o 128·128, three of 128·384, two norms; embeddings, tied; the last norm
    const layer = 2 * 128 * 128 + 2 * 128 * 64 + 3 * 128 * 384 + 2 * 128;
    expect(model).toMatchObject({ layers: 4, parameters: 3516 * 128 + 4 * layer + 128 });
    // rank 16 on each: 16 · (inputs + outputs)
    expect(run.adapter).toBe(16 * 4 * (2 * 256 + 2 * 192 + 3 * 512));
    expect(run).toMatchObject({ engine: 'onnx', rows: 8, checkpointing: 'auto' });
    expect(run.asked).toBeUndefined();
    expect(run.longest).toBeLessThan(20);
    expect(said).toBe(`longest row ${run.longest} tokens`);
  });

  it('takes the longest rows that there may be where it reads none, and pairs beside them', async () => {
    const unread = { read: false, onGpu: false };
    const without = await trainingShape(config('conscience: {enabled: false}'), unread);
    expect(without.run).toMatchObject({ rows: 8, longest: 256 });
    const asked = await trainingShape(config(), unread);
    // 8 rows of 256, and 6 pairs of two answers of at most 256 tokens
    expect(asked.run).toMatchObject({ rows: 20, longest: 256, asked: { answers: 8, beside: false } });
    const full = await trainingShape(config('setting: full\nengine: torch\n'), { read: false, onGpu: true });
    expect(full.run).toMatchObject({ engine: 'torch', bytes: 2 });
    expect(full.run.adapter).toBeUndefined();
  });
});

describe('examine', () => {
  it('finds the engine of this process, and says what a run needs', async () => {
    const found = await examine({ config: config(), hasData: true });
    expect(found.ok).toBe(true);
    expect(found.engines[0]).toMatchObject({ engine: 'onnx', there: true });
    expect(found.machine.memory).toBeGreaterThan(found.machine.freeMemory);
    const [check] = found.run!.checks;
    expect(check.needed).toBeCloseTo(totalOf(found.run!.parts));
    const text = renderDiagnosis(found);
    expect(text).toMatch(/^ {2}yes {2}onnx: onnxruntime/m);
    expect(text).toMatch(/^ {2}together +0\.\d\d GB$/m);
    expect(text).toMatch(/memory: needs 0\.\d\d GB, free [\d.]+ GB/);
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });

  it('says what to do where the memory is too small', async () => {
    const large = 'training: {batch_size: 100000, checkpointing: false}';
    const found = await examine({ config: config(`${large}\nsetting: full`) });
    expect(found.ok).toBe(false);
    expect(renderDiagnosis(found)).toMatch(
      /no {3}memory: needs \d+\.\d GB.*\n +→ set training\.checkpointing: true, a smaller training\.batch_size/,
    );
  });

  it('asks a server what it can do', async () => {
    const server = await TinkerDouble.start({ extensions: 'none' });
    const { url } = server;
    try {
      const env = { EALIGN_TINKER_API_KEY: TinkerDouble.key };
      const found = await examine({ url, env });
      expect(found).toMatchObject({ ok: true });
      expect(found.engines.at(-1)).toMatchObject({ engine: 'tinker', there: true, abilities: [] });
      expect(renderDiagnosis(found)).toMatch(/lacks: full, amplify, steering, state/);
    } finally {
      await server.close();
    }
    const gone = await examine({ url });
    expect(gone.ok).toBe(false);
    expect(renderDiagnosis(gone)).toMatch(
      /no {3}tinker: .*cannot be reached.*\n +→ check that the server runs/,
    );
  });
});
