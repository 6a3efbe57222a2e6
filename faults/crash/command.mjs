/**
 * A command that is killed and run again until it ends, and then compared with an undisturbed run of it.
 *
 * Moments are drawn from (seed, number of the kill): one half anywhere in the time that the undisturbed run
 * took, the other at one of the changes that it made to the file system, before it or half-way through.
 */
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../dist/random.js';
import { start } from './process.mjs';
import { differences, traces } from './traces.mjs';

/** Kills of one run after which it may end undisturbed: an unlucky seed must not keep one for ever. */
const MOST = 12;
/** Faults after which there is no more to learn. */
const ENOUGH = 50;

/**
 * @typedef {object} Variant
 * @property {string} name
 * @property {(place: { output: string, folder: string }) => readonly string[]} command
 *   asked before each start; looks at what is there, as a user would
 * @property {string} [over] an earlier variant whose output the run begins on
 *
 * @typedef {object} Subject
 * @property {(folder: string) => readonly Variant[]} prepare writes what the variants read
 * @property {(path: string) => boolean} [skip] files that say when and not what
 */

/**
 * @param {Subject} subject
 * @param {{ folder: string, kills: number, seed: number, onKill: Function, onFault: Function }} options
 */
export async function crashCommand(subject, { folder, kills, seed, onKill, onFault }) {
  const variants = subject.prepare(folder).map((variant) => ({ ...variant, straight: undefined }));
  const counts = { kills: 0, runs: 0, lost: 0, doubled: 0, unequal: 0 };
  const faults = [];
  while (counts.kills < kills && faults.length < ENOUGH) {
    const variant = variants[counts.runs % variants.length];
    variant.straight ??= await undisturbed(variant);
    const output = place(variant, `run-${counts.runs}`);
    const after = [];
    for (;;) {
      const moment =
        after.length < MOST && counts.kills < kills
          ? drawn(variant.straight, new Random(seed, 'crash', counts.kills))
          : undefined;
      onKill(counts.kills, variant.name);
      const { killed, code, errors } = await run(variant, output, moment);
      if (killed) {
        counts.kills++;
        after.push(moment.said);
        continue;
      }
      counts.runs++;
      const found =
        code === 0
          ? differences(variant.straight.traces, traces(output, subject))
          : [{ kind: 'unequal', what: `ends in an error: ${errors.trim().split('\n').at(-1)}` }];
      for (const fault of found) {
        counts[fault.kind]++;
        faults.push(fault);
        onFault({ ...fault, what: `${variant.name}: ${fault.what}` }, after);
      }
      if (found.length === 0) rmSync(output, { recursive: true });
      break;
    }
  }
  return { ...counts, faults };

  function place({ over }, name) {
    const output = join(folder, name, 'output');
    mkdirSync(join(folder, name));
    if (over !== undefined) cpSync(join(folder, over), output, { recursive: true });
    return output;
  }

  async function undisturbed(variant) {
    const output = place(variant, `straight-${variants.indexOf(variant)}`);
    const tally = join(output, '..', 'tally');
    const began = performance.now();
    const { code, errors } = await start(variant.command({ output, folder }), {
      cwd: folder,
      crash: { at: -1, under: output, tally },
    }).ended;
    if (code !== 0) throw new Error(`${variant.name}: the undisturbed run ends with ${code}: ${errors}`);
    return {
      ms: performance.now() - began,
      changes: readFileSync(tally, 'latin1'),
      traces: traces(output, subject),
    };
  }

  async function run(variant, output, moment) {
    const command = variant.command({ output, folder });
    const crash = moment?.at === undefined ? undefined : { ...moment, under: output };
    const process = start(command, { cwd: folder, ...(crash ? { crash } : {}) });
    const clock = moment?.ms === undefined ? undefined : setTimeout(process.kill, moment.ms);
    const { code, signal, errors } = await process.ended;
    clearTimeout(clock);
    return { killed: signal === 'SIGKILL', code, errors };
  }
}

function drawn({ ms, changes }, random) {
  if (random.int(2) === 0) {
    const at = random.next() * ms;
    return { ms: at, said: `a kill after ${Math.round(at)} ms` };
  }
  // names that are given and files that go are few among the writes, and matter most
  const letters = [...new Set(changes)];
  const letter = letters[random.int(letters.length)];
  const those = [...changes].flatMap((one, i) => (one === letter ? [i] : []));
  const at = those[random.int(those.length)];
  const torn = random.int(2) === 0;
  return { at, torn, said: `a kill ${torn ? 'within' : 'before'} change ${at} (${letter})` };
}
