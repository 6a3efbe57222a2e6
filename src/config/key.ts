/**
 * One configuration key: a zod schema with the words that help, errors and the JSON
 * Schema show.
 *
 * The words travel as zod metadata, so a key is described once, where it is declared.
 * Type, bounds and default are read from the schema itself and never repeated in words.
 */
import { z } from 'zod';

/** What a schema cannot say by itself. */
export interface KeyWords {
  /** Unit of the value, e.g. `tokens`. */
  unit?: string;
  /** Placeholder in the help, e.g. `path`. Default: the type's own word. */
  placeholder?: string;
  /** Shown instead of the default, where it depends on other keys. */
  fallback?: string;
  /** A flag may be repeated to give several values; otherwise lists are comma-separated. */
  repeatable?: boolean;
  /** It names a file of rows, where an experiment may give rows of its world by name. */
  rows?: boolean;
}

/** Declares a key. `description` is one or two full sentences. */
export function key<T extends z.ZodType>(schema: T, description: string, words: KeyWords = {}): T {
  return schema.meta({ description, ...words });
}

/** A text that is not empty. */
export const text = () => z.string().min(1);

/** A whole number that counts something, from `min` up. */
export const count = (min: number) => z.int().min(min);
