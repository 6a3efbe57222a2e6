/**
 * Progress on the command line: a line that redraws itself in a terminal, plain lines in
 * a log, JSON lines for machines. Chosen once, by `createProgress`.
 */
import type { Progress, ProgressOptions, ProgressState } from '../../metrics/progress.js';
import { colorsFor, type Output } from './colors.js';
import { duration } from './format.js';
import { Task } from './task.js';

/** Seconds between two plain lines. */
const PLAIN_EVERY = 10;
/** Redraws of the terminal line per second. */
const FRAMES = 10;
const BAR = 24;

export interface ProgressTarget {
  /** One JSON object a line instead of text. */
  json?: boolean;
  /** Default: stdout with `json`, stderr otherwise, so that results can be piped. */
  stream?: Output;
  /** Milliseconds; default the clock. */
  now?: () => number;
}

/** Progress that leaves the screen clean when the work ends without `done`, by an error. */
export interface CommandProgress extends Progress {
  phase(name: string): void;
  end(): void;
}

export function createProgress({
  json = false,
  stream,
  now = Date.now,
}: ProgressTarget = {}): CommandProgress {
  if (json) return new JsonProgress(stream ?? process.stdout);
  const target = stream ?? process.stderr;
  return target.isTTY ? new TerminalProgress(target, now) : new PlainProgress(target, now);
}

class TerminalProgress implements CommandProgress {
  private task: Task | undefined;
  private current: Phase | undefined;
  private timer: NodeJS.Timeout | undefined;
  private drawnAt = 0;

  constructor(
    private readonly stream: Output,
    private readonly now: () => number,
  ) {}

  start(total: number, label: string, options: ProgressOptions = {}): void {
    this.end();
    this.task = new Task(total, label, options, this.now());
    this.tick();
  }

  phase(name: string): void {
    this.current = { name, since: this.now() };
    if (!this.timer) this.tick();
    else this.drawSoon();
  }

  /** Keeps the line going during a long step; never keeps the process alive. */
  private tick(): void {
    this.timer = setInterval(() => this.draw(), 1000).unref();
    this.draw();
  }

  update(state: ProgressState): void {
    this.task?.update(state, this.now());
    this.drawSoon();
  }

  note(line: string): void {
    this.erase();
    this.stream.write(`${line}\n`);
    this.draw();
  }

  done(summary: string, warning?: string): void {
    const elapsed = this.task?.elapsed(this.now());
    this.end();
    const { green, yellow, dim } = colorsFor(this.stream);
    const line = `${summary}${elapsed === undefined ? '' : dim(`  ${elapsed}`)}`;
    this.stream.write(
      warning === undefined ? `${green('✓')} ${line}\n` : `${line}\n${yellow('Warning:')} ${warning}\n`,
    );
  }

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.erase();
    this.task = this.current = undefined;
  }

  /** Short steps and phases follow each other faster than anybody reads. */
  private drawSoon(): void {
    if (this.now() - this.drawnAt >= 1000 / FRAMES) this.draw();
  }

  private erase(): void {
    if (this.task || this.current) this.stream.write('\r\x1b[2K');
  }

  private draw(): void {
    const now = (this.drawnAt = this.now());
    const { cyan, dim } = colorsFor(this.stream);
    if (!this.task) {
      if (this.current) this.stream.write(`\r\x1b[2K${dim(phaseLine(this.current, now))}`);
      return;
    }
    const done = Math.round(this.task.share * BAR);
    const parts: [text: string, paint: (text: string) => string][] = [
      [this.task.label, (text) => text],
      ['━'.repeat(BAR), (text) => cyan(text.slice(0, done)) + dim(text.slice(done))],
      [this.task.position, (text) => text],
      ...(this.current ? [phaseLine(this.current, now)] : [])
        .concat(this.task.facts(now))
        .map((fact): [string, (text: string) => string] => [fact, dim]),
    ];
    // A line that wraps can't be redrawn: what does not fit is left out.
    let room = (this.stream.columns ?? 80) - 1;
    const fitting = parts.filter(([text]) => (room -= text.length + 2) >= -2);
    this.stream.write(`\r\x1b[2K${fitting.map(([text, paint]) => paint(text)).join('  ')}`);
  }
}

/** What is done at a moment, and since when, milliseconds. */
interface Phase {
  readonly name: string;
  readonly since: number;
}

/** With its time, once a person waits for it. */
const phaseLine = ({ name, since }: Phase, now: number): string => {
  const seconds = (now - since) / 1000;
  return seconds < 2 ? name : `${name} ${duration(seconds)}`;
};

class PlainProgress implements CommandProgress {
  private task: Task | undefined;
  private current: Phase | undefined;
  private timer: NodeJS.Timeout | undefined;
  private writtenAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly stream: Output,
    private readonly now: () => number,
  ) {}

  start(total: number, label: string, options: ProgressOptions = {}): void {
    this.task = new Task(total, label, options, this.now());
    this.writtenAt = Number.NEGATIVE_INFINITY;
  }

  update(state: ProgressState): void {
    if (!this.task) return;
    const now = this.now();
    this.task.update(state, now);
    if (now - this.writtenAt < PLAIN_EVERY * 1000) return;
    this.write(now);
  }

  phase(name: string): void {
    this.current = { name, since: this.now() };
    // a long phase tells of itself
    this.timer ??= setInterval(() => this.remind(), PLAIN_EVERY * 1000).unref();
  }

  private remind(): void {
    const now = this.now();
    if (now - this.writtenAt >= PLAIN_EVERY * 1000) this.write(now);
  }

  private write(now: number): void {
    const { task, current } = this;
    this.writtenAt = now;
    if (task) {
      const phase = current ? [current.name] : [];
      this.note([`${task.label} ${task.position}`, ...phase, ...task.facts(now)].join('  '));
    } else if (current) this.note(phaseLine(current, now));
  }

  note(line: string): void {
    this.stream.write(`${line}\n`);
  }

  done(summary: string, warning?: string): void {
    this.note(this.task ? `${summary}  ${this.task.elapsed(this.now())}` : summary);
    if (warning !== undefined) this.note(`Warning: ${warning}`);
    this.end();
  }

  end(): void {
    clearInterval(this.timer);
    this.task = this.timer = this.current = undefined;
  }
}

class JsonProgress implements CommandProgress {
  private label: string | undefined;
  private total = 0;

  constructor(private readonly stream: Output) {}

  start(total: number, label: string, { first = 0, unit = 'steps' }: ProgressOptions = {}): void {
    this.label = label;
    this.total = total;
    this.write({ event: 'start', label, total, first, unit });
  }

  update(state: ProgressState): void {
    this.write({ event: 'progress', label: this.label, total: this.total, ...state });
  }

  phase(name: string): void {
    this.write({ event: 'phase', name });
  }

  note(text: string): void {
    this.write({ event: 'note', text });
  }

  done(summary: string, warning?: string): void {
    this.write({ event: 'done', label: this.label, text: summary, warning });
  }

  end(): void {}

  private write(value: object): void {
    this.stream.write(`${JSON.stringify(value)}\n`);
  }
}
