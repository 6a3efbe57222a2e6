/** A made-up defence is one file: what its file says reaches configuration, help, rows and loss. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { afterAll, expect, it, vi } from 'vitest';
import { configHelp } from '../../src/cli/config-help.js';
import { readMetrics } from '../../src/metrics/writer.js';
import { jsonSchema } from '../../src/train/config/keys.js';
import { parseConfig } from '../../src/train/config/load.js';
import { renderConfig } from '../../src/train/config/render.js';
import { planTrain, showPlan } from '../../src/train/plan.js';
import { runTrain } from '../../src/train/run.js';

// in the place of one in the list, so that the list itself is the shipped one
vi.mock('../../src/defences/kl.js', async () => {
  const { z } = await import('zod');
  const { key } = await import('../../src/config/key.js');
  const { defence } = await import('../../src/defences/defence.js');
  const spelled = defence({
    name: 'spelling out',
    keys: {
      defences: {
        spell_out: key(z.enum(['never', 'always']).default('never'), 'Puts a space after each letter.'),
      },
      loss: { spelling: key(z.number().min(0).default(0), 'Factor on it.') },
    },
    checks: ({ defences, loss }) => [
      {
        holds: loss.spelling === 0 || defences.spell_out === 'always',
        path: 'loss.spelling',
        message: 'nothing is spelled out; set defences.spell_out: always',
      },
    ],
    rows: async (rows, { defences }) => {
      if (defences.spell_out === 'never') return rows;
      const train = rows.train.map((row) =>
        row.kind === 'text' ? { ...row, text: row.text.split('').join(' ') } : row,
      );
      return { ...rows, train };
    },
    loss: async ({ loss }) => ({ features: loss.spelling }),
  });
  return { kl: spelled };
});

const folder = mkdtempSync(join(tmpdir(), 'ealign-made-up-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const data = join(folder, 'rows.jsonl');
writeFileSync(data, `${JSON.stringify({ text: 'share' })}\n`.repeat(4));
const config = (keys = '') =>
  parseConfig(`
model: pinocchio
data: ${data}
output: ${join(folder, 'run')}
eval_split: 0
conscience: { enabled: false }
training: { steps: 1, batch_size: 2, log_every: 1 }
${keys}`);

it('its keys are read, checked, shown and written', () => {
  expect(config().defences).toMatchObject({ spell_out: 'never' });
  expect(() => config('defences: { spell_out: often }')).toThrow(/one of never, always, got 'often'/);
  expect(() => config('loss: { spelling: 1 }')).toThrow(/loss\.spelling: nothing is spelled out/);
  // the file that it takes the place of is the only one that knew this key
  expect(() => config('loss: { kl: 1 }')).toThrow("unknown key 'loss.kl'");
  expect(configHelp(100, pc.createColors(false))).toMatch(
    /--spell-out <never\|always> {2}default: never\n +Puts a space after each letter\./,
  );
  expect(JSON.stringify(jsonSchema())).toContain('Puts a space after each letter.');
  expect(renderConfig(config())).toMatch(/defences:\n(.*\n)* {2}spell_out: never/);
});

it('it changes the rows and the loss', async () => {
  const plan = await planTrain(config('defences: { spell_out: always }\nloss: { spelling: 0.5 }'));
  expect(await showPlan(plan)).toContain('s[[ h a r e');
  const run = await runTrain(plan);
  await run.engine.close();
  // the policy starts at the reference, so that the distance is 0, but it is measured
  expect(readMetrics(join(folder, 'run')).at(-1)?.['loss/anchor']).toBe(0);
});
