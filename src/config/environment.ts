/**
 * What the program takes from the process environment, beside where models lie (hub/settings.ts).
 */

export interface Environment {
  /** `NO_COLOR` is set (https://no-color.org). */
  noColor: boolean;
}

/** The environment of this process. */
export const environment: Environment = {
  noColor: Boolean(process.env.NO_COLOR),
};

/**
 * A secret that the user keeps in a variable of their choice; undefined where it is not set or blank.
 *
 * It is read when it is needed and is part of no configuration, so that none is written to a file.
 */
export function secret(
  name: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  return env[name]?.trim() || undefined;
}
