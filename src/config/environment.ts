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
