/**
 * What a run has left, as records that can be compared with those of an undisturbed one: a line of a JSONL
 * file, an event of TensorBoard, or a whole file is one record. Clocks are taken out.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { decodeEvent } from '../../dist/metrics/tensorboard.js';
import { unframe } from '../../dist/metrics/tfrecord.js';

/** Keys whose values are a clock's, or follow from one, or say which checkout it was. */
const CLOCKS = new Set(['time', 'tokens_per_second', 'seconds', 'commit', 'crc']);
const timeless = (key, value) => (CLOCKS.has(key) || key.startsWith('time/') ? undefined : value);

/**
 * @param {string} folder
 * @param {{ skip?: (path: string) => boolean }} options skip: files that are not compared
 * @returns {(readonly [id: string, text: string])[]}
 */
export function traces(folder, { skip = () => false } = {}) {
  return (
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .map((entry) => ({ entry, path: relative(folder, join(entry.parentPath, entry.name)) }))
      // a claim of a process that is gone counts for nothing
      .filter(({ path }) => basename(path) !== '.in-use.json' && !skip(path))
      .flatMap(({ entry, path }) => {
        // whole folders count as well: an empty one may be what a kill left
        if (entry.isDirectory()) return [[`${path}/`, '']];
        return records(path, readFileSync(join(folder, path)), folder);
      })
  );
}

function records(path, bytes, folder) {
  if (path.endsWith('.jsonl')) {
    const lines = bytes.toString().split('\n');
    // a last line without its end is a line as well
    const values = lines.filter((line) => line !== '').map((line) => JSON.parse(line));
    return numbered(path, values, ({ group, step }) => group ?? step ?? '');
  }
  if (/events\.out\.tfevents/.test(path)) {
    const events = [...unframe(bytes)].map(({ data }) => decodeEvent(data));
    const scalars = events.map(({ wallTime: _, ...event }) => event);
    return numbered(path.replace(/tfevents\.\d+/, 'tfevents'), scalars, ({ step }) => step);
  }
  return [
    [
      path,
      createHash('sha256')
        .update(placeless(path, bytes, folder))
        .digest('hex'),
    ],
  ];
}

/** Records are known by their step or group; those of one are told apart by their order. */
function numbered(path, values, nameOf) {
  const seen = new Map();
  return values.map((value) => {
    const name = `${path}#${nameOf(value)}`;
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    return [`${name}.${nth}`, JSON.stringify(value, timeless)];
  });
}

/** The content without where it lies, and without whether the run was begun over another one. */
function placeless(path, bytes, folder) {
  // the state of a checkpoint says how long its stages took, and the checksums follow from it
  if (basename(path) === 'state.json') return JSON.stringify(JSON.parse(bytes), timeless);
  if (basename(path) === 'checkpoint.sha256') return bytes.toString().replace(/^.* state\.json$/m, '');
  if (!/\.(ya?ml|json|txt|csv)$/.test(path)) return bytes;
  return bytes
    .toString()
    .replaceAll(folder, 'OUTPUT')
    .replace(/^overwrite: .*$/m, '');
}

/**
 * @returns {{ kind: 'lost' | 'doubled' | 'unequal', what: string }[]} what differs
 */
export function differences(expected, found) {
  const known = new Map(expected);
  const values = new Set(expected.map(([id, text]) => `${fileOf(id)} ${text}`));
  const there = new Map(found);
  const faults = expected.filter(([id]) => !there.has(id)).map(([id]) => ({ kind: 'lost', what: id }));
  for (const [id, text] of found) {
    if (known.get(id) === text) continue;
    // a line too many that stands elsewhere already
    const again = id.includes('#') && values.has(`${fileOf(id)} ${text}`) && !known.has(id);
    const what = known.has(id) ? id : `${id} (the undisturbed run has none)`;
    faults.push({ kind: again ? 'doubled' : 'unequal', what });
  }
  return faults;
}

const fileOf = (id) => id.split('#')[0];
