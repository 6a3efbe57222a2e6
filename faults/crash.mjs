/**
 * `npm run crash -- [--kills 100] [--seed 1] [--only train|eval|experiment|serve]`: kills what writes with
 * SIGKILL, again and again, runs the same command again, and counts what is lost, doubled or unequal.
 *
 * A line for each fault says what differs; the same seed draws the same moments again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crashCommand } from './crash/command.mjs';
import { evaluation } from './crash/evaluation.mjs';
import { experiment } from './crash/experiment.mjs';
import { crashServer } from './crash/serve.mjs';
import { training } from './crash/training.mjs';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const subjects = {
  train: (options) => crashCommand(training, options),
  eval: (options) => crashCommand(evaluation, options),
  experiment: (options) => crashCommand(experiment, options),
  serve: crashServer,
};
const chosen = values.only === undefined ? Object.keys(subjects) : [values.only];
const unknown = chosen.find((name) => !(name in subjects));
if (unknown !== undefined) {
  console.error(
    `error: --only: no such subject; expected ${Object.keys(subjects).join(', ')}; got '${unknown}'`,
  );
  process.exit(1);
}

const total = { kills: 0, lost: 0, doubled: 0, unequal: 0 };
for (const name of chosen) {
  const folder = mkdtempSync(join(tmpdir(), `ealign-crash-${name}-`));
  const began = performance.now();
  let last = began;
  const { faults, ...counts } = await subjects[name]({
    folder,
    kills: Number(values.kills),
    seed: Number(values.seed),
    onKill(kills, what) {
      if (performance.now() - last < 20_000) return;
      last = performance.now();
      console.error(`${name}: ${kills} kills, ${Math.round((last - began) / 1000)} s; now ${what}`);
    },
    onFault(fault, after) {
      console.log(`${name}: ${fault.kind}: ${fault.what}\n  after ${after.join(', then ')}`);
    },
  });
  for (const key of Object.keys(total)) total[key] += counts[key];
  console.log(
    `${name}: ${said(counts)} (${counts.runs} runs, ${Math.round((performance.now() - began) / 1000)} s)`,
  );
  if (faults.length === 0) rmSync(folder, { recursive: true });
  else {
    console.log(`  its files: ${folder}`);
    console.log(`  again: npm run crash -- --only ${name} --kills ${values.kills} --seed ${values.seed}`);
  }
}
console.log(`all: ${said(total)}`);
process.exitCode = total.lost + total.doubled + total.unequal > 0 ? 1 : 0;

function said({ kills, lost, doubled, unequal }) {
  return `${kills} kills, lost ${lost}, doubled ${doubled}, unequal ${unequal}`;
}
