/**
 * Jinja for templates that came with a model: such a template is data, so its work has limits.
 *
 * A template can loop for ever, grow a text without end and call itself; the interpreter runs in this
 * process and cannot be stopped from outside. So it counts: steps, time, nesting, the length of texts and
 * lists, and the numbers of a range (as Jinja's own sandbox does, which transformers uses). Honest
 * templates stay far below each limit.
 */
import * as jinja from '@huggingface/jinja';

interface Value {
  readonly value: unknown;
}
interface Environment {
  set(name: string, value: unknown): void;
}
interface Interpreter {
  run(program: unknown): Value;
  evaluate(node: unknown, environment: Environment): Value;
}

/** The package's own types do not resolve from ESM. */
const { Environment, Interpreter, parse, tokenize } = jinja as unknown as {
  readonly Environment: new () => Environment;
  readonly Interpreter: new (environment: Environment) => Interpreter;
  parse(tokens: unknown): unknown;
  tokenize(source: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }): unknown;
};

/** What one rendering may take. */
const LIMITS = {
  /** Characters of the template. */
  source: 1e6,
  /** Expressions and statements that are evaluated. */
  steps: 1e7,
  /** Milliseconds. */
  time: 3000,
  /** Expressions within expressions, calls within calls. */
  depth: 400,
  /** Characters of a text. */
  text: 1e7,
  /** Items of a list. */
  items: 1e6,
  /** Numbers of a range: MAX_RANGE of Jinja's sandbox. */
  range: 1e5,
} as const;

/** A template went beyond a limit. */
export class TemplateLimitError extends Error {}

/** A template, ready to run. */
export class BoundedTemplate {
  private readonly program: unknown;

  /**
   * @param time milliseconds that a rendering may take
   * @throws Error where it cannot be parsed
   */
  constructor(
    source: string,
    private readonly time: number = LIMITS.time,
  ) {
    if (source.length > LIMITS.source) {
      throw new TemplateLimitError(`it has ${source.length} characters, more than ${LIMITS.source}`);
    }
    this.program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  }

  /**
   * @param items variables by name
   * @throws TemplateLimitError, and whatever the template raises
   */
  render(items: Readonly<Record<string, unknown>>): string {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...GLOBALS, ...items })) environment.set(name, value);
    return new BoundedInterpreter(environment, this.time).run(this.program).value as string;
  }
}

class BoundedInterpreter extends Interpreter {
  private steps = 0;
  private depth = 0;
  private readonly until: number;

  constructor(
    environment: Environment,
    private readonly time: number,
  ) {
    super(environment);
    this.until = performance.now() + time;
  }

  override evaluate(node: unknown, environment: Environment): Value {
    if (++this.steps > LIMITS.steps) throw new TemplateLimitError(`it takes more than ${LIMITS.steps} steps`);
    if ((this.steps & 15) === 0 && performance.now() > this.until) {
      throw new TemplateLimitError(`it takes more than ${this.time / 1000} seconds`);
    }
    const { depth } = this;
    if (depth > LIMITS.depth) {
      throw new TemplateLimitError(`it calls itself, or is nested, more than ${LIMITS.depth} deep`);
    }
    this.depth = depth + 1;
    // `break` and `continue` come as exceptions.
    try {
      const value = super.evaluate(node, environment);
      requireSize(value.value);
      return value;
    } finally {
      this.depth = depth;
    }
  }
}

function requireSize(held: unknown): void {
  if (typeof held === 'string' && held.length > LIMITS.text) {
    throw new TemplateLimitError(`it makes a text of more than ${LIMITS.text} characters`);
  }
  if (Array.isArray(held) && held.length > LIMITS.items) {
    throw new TemplateLimitError(`it makes a list of more than ${LIMITS.items} items`);
  }
}

/** Python's range, within Jinja's limit. */
function range(first: number, last?: number, step = 1): number[] {
  const [start, stop] = last === undefined ? [0, first] : [first, last];
  const count = Math.ceil((Number(stop) - Number(start)) / Number(step));
  if (step === 0) throw new Error('range() step must not be zero');
  if (count > LIMITS.range) {
    throw new TemplateLimitError(`it makes a range of ${count} numbers, more than ${LIMITS.range}`);
  }
  return Array.from({ length: Math.max(0, count || 0) }, (_, i) => start + i * step);
}

/** The time now, as Python's strftime writes it in the C locale. */
function strftimeNow(format: string): string {
  const now = new Date();
  const name = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-US', options).format(now);
  const two = (n: number) => String(n).padStart(2, '0');
  const parts: Readonly<Record<string, () => string>> = {
    Y: () => String(now.getFullYear()),
    m: () => two(now.getMonth() + 1),
    d: () => two(now.getDate()),
    H: () => two(now.getHours()),
    M: () => two(now.getMinutes()),
    S: () => two(now.getSeconds()),
    b: () => name({ month: 'short' }),
    B: () => name({ month: 'long' }),
    a: () => name({ weekday: 'short' }),
    A: () => name({ weekday: 'long' }),
    '%': () => '%',
  };
  return String(format).replace(/%([YmdHMSbBaA%])/g, (_, letter: string) => parts[letter]());
}

const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  strftime_now: strftimeNow,
  raise_exception: (message: string) => {
    throw new Error(message);
  },
};
