/** Runs the cases that its parent names, one after the other, and says what became of each. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../dist/errors.js';
import { Random } from '../../dist/random.js';
import { mutate } from './mutate.mjs';
import { targets } from './targets.mjs';

const scratch = process.argv[2];

process.on('message', async ({ index, seed }) => {
  const random = new Random(seed, 'fuzz', index);
  // negative: the target's files as they are
  const whole = index < 0;
  const weighted = targets.flatMap((target) => Array.from({ length: target.weight ?? 1 }, () => target));
  const target = whole ? targets[-1 - index] : weighted[random.int(weighted.length)];
  const folder = join(scratch, 'case');
  rmSync(folder, { recursive: true, force: true });
  for (const [name, bytes] of target.files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  const [name, kind] = target.damaged[random.int(target.damaged.length)];
  const before = target.files.get(name);
  const { bytes, what } = whole ? { bytes: before, what: 'nothing' } : mutate(before, kind, random);
  writeFileSync(join(folder, name), bytes);
  const report = { index, target: target.name, file: name, what };
  process.send({ begun: report });
  let outcome = { result: 'accepted' };
  try {
    await target.read(folder, random);
    if (!whole && target.checked?.(name)) outcome = { result: 'silent damage' };
  } catch (error) {
    outcome =
      error instanceof UserError
        ? { result: 'refused', message: error.message }
        : { result: 'stack trace', message: error?.stack ?? String(error) };
    if (error instanceof UserError && error.message.includes('\n')) {
      outcome = { result: 'stack trace', message: `more than one line: ${error.message}` };
    }
  }
  process.send({ ...report, ...outcome, peak: process.resourceUsage().maxRSS / 1024 });
});
process.on('unhandledRejection', (error) => {
  process.send({ unhandled: String(error?.stack ?? error) }, () => process.exit(1));
});
process.send({ ready: true, targets: targets.length });
