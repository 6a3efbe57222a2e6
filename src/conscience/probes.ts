/**
 * The built-in pool of probe prompts: requests of many kinds, on which a model can be kind, honest and careful,
 * or not.
 *
 * They are what the conscience reviews when nothing else is given. They share no question with any evaluation: a
 * test proves it.
 */
import type { Prompt } from '../values/conversation.js';
import { QUESTIONS } from './probe-questions.js';
import { TASKS } from './probe-tasks.js';

/** Name of a model folder's own pool, which goes before the built-in one. */
export const PROBES_FILE = 'probes.jsonl';

/** The built-in probes in a fixed order: one of each kind in turn, so that the first few are of many kinds. */
export const builtInProbes: readonly Prompt[] = inTurns({ ...QUESTIONS, ...TASKS });

function inTurns(pool: Readonly<Record<string, readonly string[]>>): Prompt[] {
  const kinds = Object.entries(pool);
  const rounds = Math.max(...kinds.map(([, texts]) => texts.length));
  return Array.from({ length: rounds }, (_, i) =>
    kinds.flatMap(([kind, texts]): Prompt[] =>
      texts.slice(i, i + 1).map((content) => ({
        ...{ messages: [{ role: 'user', content }], source: 'probe' },
        ...{ id: `probe:${kind}:${i + 1}`, kind },
      })),
    ),
  ).flat();
}
