/** The process environment: no other file reads it. */

/** Variables by name; undefined where one is not set. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The variables of this process, as they are when one is read. */
export const variables: Variables = process.env;

/** Whether colours are unwanted: `NO_COLOR` is set (https://no-color.org). */
export const noColor = Boolean(variables.NO_COLOR);

/**
 * A secret that the user keeps in a variable of their choice; undefined where it is not set or blank.
 *
 * It is read when it is needed and is part of no configuration, so that none is written to a file.
 */
export function secret(name: string, env: Variables = variables): string | undefined {
  return env[name]?.trim() || undefined;
}
