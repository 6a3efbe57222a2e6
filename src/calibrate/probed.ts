/** Calibrates a linear probe of the model's hidden states over its answers. */
import { join } from 'node:path';
import type { Calibration } from '../conscience/calibration.js';
import type { Framework } from '../conscience/frameworks.js';
import { encodeDirection } from '../conscience/probe.js';
import { openPlanned } from '../evaluate/store.js';
import { FOLDS } from './choose.js';
import { type CalibrateOptions, calibrationFrom } from './measuring.js';
import { fitProbe, type ProbedAnswer } from './probe.js';
import { isRead, layersToTry, type ReadingStates, type StoredStates, statesOf } from './states.js';

/** The question that stands before what a probe reads; its answer is not asked for. */
const questionOf = (wordings: readonly Framework[]): Framework =>
  wordings.find(({ name }) => name === 'consequentialist') ?? wordings[0];

/** @param depth number of the model’s layers */
export async function calibrateProbe(
  options: CalibrateOptions,
  depth: number,
): Promise<Calibration | 'stopped' | 'too few'> {
  const { model, conscience, format, overwrite, signal, progress, wordings } = options;
  const { falseAlarms = 0.02, seed = 1, probePairs: pairs = options.pairs } = options;
  const [framework, layers] = [questionOf(wordings), layersToTry(depth)];
  const store = openPlanned<StoredStates>({
    ...{ folder: join(options.folder, 'states'), planFile: 'states.json', recordsFile: 'states.jsonl' },
    ...{ plan: { model: model.hash }, otherwise: 'states of another model', overwrite },
  });
  const reading: ReadingStates = { store, framework, layers, conscience, format, signal };
  const answers = pairs.flat();
  const known = answers.map(({ item }) => isRead(item, reading));
  const before = known.filter(Boolean).length;
  progress.note(
    `A probe is fitted on the hidden states over ${answers.length} answers, ${answers.length - before} of which are still to be read.`,
  );
  progress.start(answers.length, 'hidden states', { first: before });
  const read: (ProbedAnswer & { tokens: number })[] = [];
  let step = before;
  for (const [i, { item, topic, careless }] of answers.entries()) {
    if (signal?.aborted) return 'stopped';
    read.push({ topic, careless, ...(await statesOf(item, reading)) });
    if (!known[i]) progress.update({ step: ++step });
  }
  progress.done(`hidden states: ${answers.length}`);
  const topics = (kind: boolean) =>
    new Set(read.flatMap(({ states, topic, careless }) => (states && careless === kind ? [topic] : [])));
  if (Math.min(topics(true).size, topics(false).size) < FOLDS) return 'too few';
  const { place, direction, bias, threshold, heldOut, ...means } = fitProbe(read, { falseAlarms, seed });
  const probe = { layer: layers[place], direction: encodeDirection(direction), ...means };
  return calibrationFrom({ ...options, pairs }, falseAlarms, {
    reading: { parts: [{ framework, weight: 1, order: 'first', probe }], bias, threshold, prior: 'off' },
    heldOut,
    reviews: read.map(({ tokens }) => [{ odds: 0, mass: 1, tokens }]),
  });
}
