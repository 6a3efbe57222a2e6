/**
 * Everything that the program takes from the process environment. No other file reads it.
 */

export interface Environment {
  /** `NO_COLOR` is set (https://no-color.org). */
  noColor: boolean;
}

export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  return { noColor: Boolean(variables.NO_COLOR) };
}

/** The environment of this process. */
export const environment: Environment = readEnvironment(process.env);
