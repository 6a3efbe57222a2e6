/**
 * How long work reports on itself. Training, evaluation and downloads import this
 * interface; the command line implements it for terminals, logs and machines.
 */

/** Where the work stands: the step that is done, and any metrics known by now. */
export type ProgressState = { readonly step: number } & Readonly<Record<string, number | null | undefined>>;

export interface ProgressOptions {
  /** Steps that were done before, when resuming. Default 0. */
  first?: number;
  /**
   * What a step is. Bytes are shown in MB; the first of `steps` warms up, and does not count for the time
   * left; `runs` may be made at a time. Default `steps`.
   */
  unit?: 'steps' | 'bytes' | 'runs';
}

export interface Progress {
  /**
   * Begins a piece of work; ends the one before.
   *
   * @param total number of steps, or of bytes
   * @param label one or two words, e.g. `train`
   */
  start(total: number, label: string, options?: ProgressOptions): void;
  /** Reports a step. Metrics that are left out keep the value last reported. */
  update(state: ProgressState): void;
  /** Names what is done from now on, before a piece of work or within it, e.g. `loading the model`. */
  phase?(name: string): void;
  /** One line for the reader, that stays on the screen. */
  note(line: string): void;
  /**
   * Ends the current piece of work with one line.
   *
   * @param warning where it did not come out as it should: a line of its own, which is the last one
   */
  done(summary: string, warning?: string): void;
}

/**
 * Reports work that is part of larger work: where it stands is a phase of that, and its warnings are notes there. What
 * else it has to tell stays in its own folder.
 *
 * @param title names the part, e.g. `SFT only, seed 1`
 */
export function partOf(whole: Progress, title: string): Progress {
  const phase = (text: string) => whole.phase?.(`${title}: ${text}`);
  let work = { label: '', total: 0 };
  const at = (step: number) => phase(`${work.label} ${step}/${work.total}`);
  return {
    start(total, label, { first = 0 } = {}) {
      work = { label, total };
      at(first);
    },
    update: ({ step }) => at(step),
    phase,
    note() {},
    done(_summary, warning) {
      if (warning !== undefined) whole.note(`Warning: ${title}: ${warning}`);
    },
  };
}

/** Reports nothing: for tests and library use. */
export const silent: Progress = { start() {}, update() {}, note() {}, done() {} };
