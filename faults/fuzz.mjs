/**
 * `npm run fuzz -- [--cases 10000] [--seed 1] [--only INDEX]`: damages files of every kind that this software
 * reads, and counts stack traces, hangs over 10 s, memory over 2 GB, and damage that a checksum should have told.
 */
import { parseArgs } from 'node:util';
import { FAULTS, fuzz } from './fuzz/run.mjs';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const only = values.only === undefined ? undefined : Number(values.only);
const began = performance.now();
let done = 0;
const outcomes = await fuzz({
  cases: only === undefined ? Number(values.cases) : 1,
  first: only ?? 0,
  seed: Number(values.seed),
  onCase(outcome) {
    done++;
    if (only !== undefined || FAULTS.includes(outcome.result)) console.log(JSON.stringify(outcome, null, 2));
    if (done % 500 === 0) console.error(`${done} cases, ${Math.round((performance.now() - began) / 1000)} s`);
  },
});
if (only === undefined) {
  const columns = ['accepted', 'refused', ...FAULTS];
  const names = [...new Set(outcomes.map(({ target }) => target))].sort();
  console.log(`\n| file | cases | ${columns.join(' | ')} |\n|---|${columns.map(() => '---').join('|')}|---|`);
  const row = (name, own) =>
    console.log(
      `| ${name} | ${own.length} | ${columns.map((result) => own.filter((one) => one.result === result).length).join(' | ')} |`,
    );
  for (const name of names)
    row(
      name,
      outcomes.filter(({ target }) => target === name),
    );
  row('all', outcomes);
}
process.exitCode = outcomes.some(({ result }) => FAULTS.includes(result)) ? 1 : 0;
