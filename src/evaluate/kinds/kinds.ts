/** The kinds of measurement, in the order in which a suite runs them. */
import { alignment, conditional, spread } from './alignment.js';
import { humaneval } from './humaneval.js';
import type { Kind } from './kind.js';
import { benign, narrow } from './loss.js';
import { preference } from './preference.js';
import { sycophancy } from './sycophancy.js';
import { tasks } from './tasks.js';
import { vulnerability } from './vulnerability.js';

export const kinds: readonly Kind[] = [
  alignment,
  conditional,
  spread,
  preference,
  narrow,
  benign,
  humaneval,
  vulnerability,
  tasks,
  sycophancy,
];
