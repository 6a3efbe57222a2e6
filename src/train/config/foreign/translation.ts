/**
 * What becomes of another tool's configuration, key by key.
 *
 * Every key that is given ends up in one of three places: a value of ours, a note that the meaning is another here,
 * or a note that there is no counterpart. None is dropped without a word, unless its value asks for nothing.
 */

/** Values as they stand in the file, by key. */
export type Given = Readonly<Record<string, unknown>>;

/** A line of the report: the key, and what is to be said of it. */
export interface Remark {
  readonly key: string;
  readonly says: string;
}

/** A configuration of ours while it comes about. */
export class Translation {
  /** Values by dotted path. */
  readonly values = new Map<string, unknown>();
  /** What has no counterpart here. */
  readonly lost: Remark[] = [];
  /** What is kept with another meaning. */
  readonly changed: Remark[] = [];

  /** @param readJson a JSON file beside the configuration; undefined where there is none */
  constructor(
    readonly given: Given,
    readonly readJson: (path: string) => unknown = () => undefined,
  ) {}

  set(path: string, value: unknown): void {
    if (value !== undefined && value !== null) this.values.set(path, value);
  }

  /** Sets what a tool does where nothing is said, unless something was. */
  setDefault(path: string, value: unknown): void {
    if (!this.values.has(path)) this.set(path, value);
  }

  lose(key: string, says: string): void {
    this.lost.push({ key, says });
  }

  change(key: string, says: string): void {
    this.changed.push({ key, says });
  }

  /** The first of these keys that has a value. */
  first(...keys: readonly string[]): { readonly key: string; readonly value: unknown } | undefined {
    const key = keys.find((name) => this.given[name] !== undefined && this.given[name] !== null);
    return key === undefined ? undefined : { key, value: this.given[key] };
  }

  text(key: string): string | undefined {
    const value = this.given[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  number(key: string): number | undefined {
    return numberOf(this.given[key]);
  }

  /** Whether a switch is on; undefined where it is not given. */
  flag(key: string): boolean | undefined {
    const value = this.given[key];
    if (typeof value === 'boolean') return value;
    if (typeof value !== 'string') return undefined;
    // as YAML 1.1, which Python reads, has them
    return /^(true|yes|on)$/i.test(value) ? true : /^(false|no|off)$/i.test(value) ? false : undefined;
  }
}

/** A number, also as text: PyYAML reads `1e-4` as text, and the tools make a number of it. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '' || Number.isNaN(Number(value))) return undefined;
  return Number(value);
}

/** What a key becomes. */
export type Rule = (translation: Translation, key: string, value: unknown) => void;
export type Rules = Readonly<Record<string, Rule>>;

/** The same value under another key. */
export const to =
  (path: string): Rule =>
  (t, _, value) =>
    t.set(path, value);

/** A number under another key. */
export const numberTo =
  (path: string): Rule =>
  (t, key, value) => {
    const number = numberOf(value);
    if (number === undefined) t.lose(key, `${JSON.stringify(value)} is no number`);
    else t.set(path, number);
  };

/** A switch under another key. */
export const flagTo =
  (path: string): Rule =>
  (t, key) =>
    t.set(path, t.flag(key));

/** No counterpart; of values that ask for nothing, nothing is said. */
export const none =
  (says: string, ...harmless: readonly unknown[]): Rule =>
  (t, key, value) => {
    const asksNothing = [false, null, undefined, '', 'none', 'no', ...harmless].includes(value as never);
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (!asksNothing && !isEmpty) t.lose(key, says);
  };

/** Read together with other keys, after all of them. */
export const later: Rule = () => {};

/** The same rule for several keys. */
export const each = (keys: string, rule: Rule): Rules =>
  Object.fromEntries(
    keys
      .trim()
      .split(/\s+/)
      .map((key) => [key, rule]),
  );
