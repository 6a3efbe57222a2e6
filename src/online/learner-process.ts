/**
 * The learner in a process of its own, so that a training step never keeps an answer waiting. Started
 * by learner-host.ts; ends with who started it.
 */
import { setPriority } from 'node:os';
import { type ErrorParts, UserError } from '../errors.js';
import { Learner } from './learner.js';
import type { OnlineSettings } from './settings.js';
import { OnlineStore } from './store.js';

/** How it is started: one argument, JSON. */
export interface LearnerTask {
  readonly model: string;
  readonly threads: number;
  readonly settings: OnlineSettings;
}

/** What it tells. */
export type LearnerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'event'; readonly what: string; readonly detail: object }
  | { readonly type: 'refused'; readonly parts: ErrorParts };

const say = (message: LearnerMessage) => process.send?.(message);
const ending = new AbortController();
// the state is safe at any moment; to end at once is what the user wants
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});
process.on('SIGTERM', () => ending.abort());

try {
  // answers go first
  setPriority(10);
} catch {
  // not allowed everywhere
}
const { model, threads, settings } = JSON.parse(process.argv[2]) as LearnerTask;
const store = new OnlineStore(settings.folder);
try {
  const onEvent = (what: string, detail: object) => say({ type: 'event', what, detail });
  const learner = await Learner.open({ model, threads, settings, store, onEvent });
  say({ type: 'ready' });
  await learner.run(ending.signal);
  await learner.close();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  say({ type: 'refused', parts: error.parts });
  process.exitCode = 1;
} finally {
  store.close();
}
process.disconnect?.();
