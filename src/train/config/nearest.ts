/** The known key that an unknown one was probably meant to be. */
import { FOREIGN_KEYS, FOREIGN_WITHOUT_KEY } from './foreign/known-keys.js';
import { configKeys, configSections } from './keys.js';

const keyPaths = configKeys.map(({ path }) => path);
/** Sections that are switched by their own name, as `--no-conscience`. */
const switchable = configKeys.filter(({ name }) => name === 'enabled').map(({ section }) => section);
const sectionPaths = configSections.map(({ path }) => path).filter((path) => path !== '');

/**
 * What to say after `unknown key 'x'`; undefined when nothing known is near.
 *
 * @param path dotted path of the unknown key
 */
export function keyHint(path: string): string | undefined {
  return hint(path, [...keyPaths, ...sectionPaths], (known) => known);
}

/** What another tool's key is here, in words; undefined where nothing is known. @param name of no section */
export function counterpart(name: string): string | undefined {
  if (Object.hasOwn(FOREIGN_WITHOUT_KEY, name)) return FOREIGN_WITHOUT_KEY[name].replace(/; remove it$/, '');
  const known = keyPaths.find((path) => lastPart(path) === name);
  const here = known ?? (Object.hasOwn(FOREIGN_KEYS, name) ? FOREIGN_KEYS[name] : undefined);
  return here && `here it is '${here}'`;
}

/**
 * What to say after `unknown option '--x'`.
 *
 * @param path the option as a key path would be written, e.g. `training.learnig_rate`
 * @param flagOf how a key path is written as a flag
 */
export function flagHint(path: string, flagOf: (path: string) => string): string | undefined {
  return hint(path, [...switchable, ...keyPaths], flagOf);
}

function hint(path: string, known: readonly string[], show: (path: string) => string): string | undefined {
  const name = lastPart(path).toLowerCase();
  if (Object.hasOwn(FOREIGN_WITHOUT_KEY, name)) return FOREIGN_WITHOUT_KEY[name];
  const nearest = nearestOf(path.toLowerCase(), name, known);
  return nearest && `did you mean '${show(nearest)}'?`;
}

/** First the same name in another section, then another trainer's name, then the fewest edits. */
function nearestOf(path: string, name: string, known: readonly string[]): string | undefined {
  const sameName = known.find((candidate) => lastPart(candidate) === name);
  if (sameName !== undefined) return sameName;
  if (Object.hasOwn(FOREIGN_KEYS, name)) return FOREIGN_KEYS[name];
  return fewestEdits(name, known, (candidate) =>
    Math.min(editDistance(name, lastPart(candidate)), editDistance(path, candidate)),
  );
}

/** The known name that is a few edits away from an unknown one; undefined when none is. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  return fewestEdits(name, known, (candidate) => editDistance(name, candidate));
}

function fewestEdits(
  name: string,
  known: readonly string[],
  distance: (candidate: string) => number,
): string | undefined {
  let nearest: string | undefined;
  let fewest = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const edits = distance(candidate);
    if (edits < fewest) [fewest, nearest] = [edits, candidate];
  }
  return nearest;
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  // Optimal string alignment: the row before the previous one serves the swaps.
  let [beforeLast, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length];
}
