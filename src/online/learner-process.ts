/**
 * The learner as a process of its own, so that a training step never delays an answer. learner-host.ts
 * starts it; it ends with its parent.
 */
import { existsSync, readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { type ErrorParts, UserError } from '../errors.js';
import { Learner } from './learner.js';
import type { OnlineSettings } from './settings.js';
import { OnlineStore } from './store.js';

/** Its one argument, JSON. */
export interface LearnerTask {
  readonly model: string;
  readonly threads: number;
  readonly settings: OnlineSettings;
}

/** Its messages. */
export type LearnerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'event'; readonly what: string; readonly detail: object }
  | { readonly type: 'refused'; readonly parts: ErrorParts };

const say = (message: LearnerMessage) => process.send?.(message);
const ending = new AbortController();
// the state is safe at any moment, so end at once
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});
process.on('SIGTERM', () => ending.abort());

const { model, threads, settings } = JSON.parse(process.argv[2]) as LearnerTask;
yieldTo(settings.learner_share);
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

/**
 * Answers come first: when both need the whole processor, the learner gets this share. Linux weighs one
 * step of niceness as 1.25; elsewhere that is roughly so.
 */
function yieldTo(share: number): void {
  const niceness = getPriority() + Math.round(Math.log((1 - share) / share) / Math.log(1.25));
  // Linux sets it per thread, and Node has started some already
  const threads = existsSync('/proc/self/task') ? readdirSync('/proc/self/task').map(Number) : [0];
  for (const thread of threads) {
    try {
      setPriority(thread, Math.min(niceness, 19));
    } catch {
      // not allowed everywhere
    }
  }
}
