/** Where MLflow's server is and how to log in, from the environment variables that MLflow's own client reads. */
import { secret, type Variables, variables } from '../../config/environment.js';
import { ConfigError } from '../../errors.js';

const ADDRESS = 'MLFLOW_TRACKING_URI';

/** One server, and what a run is called there. */
export interface Tracking {
  /** Address, without user and password, and without a slash at its end. */
  readonly url: string;
  /** Value of the header of that name; absent where the server asks for no login. */
  readonly authorization?: string;
  /** The part of it that no message may show. */
  readonly secret?: string;
  /** Where neither name nor id is given, MLflow's own default. */
  readonly experiment: { readonly name?: string; readonly id: string };
  readonly runName?: string;
}

/** @throws ConfigError when the address is missing or none of a server, or what logs in cannot be sent */
export function trackingOf(env: Variables = variables): Tracking {
  const given = secret(ADDRESS, env);
  const where = `environment variable ${ADDRESS}`;
  const expected = 'the address of an MLflow server, e.g. http://127.0.0.1:5000';
  if (given === undefined) {
    const next = 'set it (`mlflow server` starts a server), or train with --report-to none';
    throw new ConfigError({ where, what: 'is not set', expected, next });
  }
  if (!URL.canParse(given) || !/^https?:/i.test(given)) {
    const what = 'is not the address of a server; what MLflow keeps in files only its own client can write';
    throw new ConfigError({ where, what, expected });
  }
  const address = new URL(given);
  const login = loginOf(address, env);
  return {
    url: `${address.origin}${address.pathname.replace(/\/+$/, '')}`,
    ...login,
    experiment: {
      name: secret('MLFLOW_EXPERIMENT_NAME', env),
      id: secret('MLFLOW_EXPERIMENT_ID', env) ?? '0',
    },
    runName: secret('MLFLOW_RUN_NAME', env),
  };
}

/** As in MLflow's client, user and password come before a token. */
function loginOf({ username, password }: URL, env: Variables): Pick<Tracking, 'authorization' | 'secret'> {
  const user = secret('MLFLOW_TRACKING_USERNAME', env) ?? decodeURIComponent(username);
  const word = secret('MLFLOW_TRACKING_PASSWORD', env) ?? decodeURIComponent(password);
  if (user && word) {
    return {
      authorization: `Basic ${Buffer.from(`${user}:${word}`).toString('base64')}`,
      secret: word,
    };
  }
  const token = secret('MLFLOW_TRACKING_TOKEN', env);
  if (token === undefined) return {};
  if (/^[\x21-\x7e]+$/.test(token)) return { authorization: `Bearer ${token}`, secret: token };
  const where = 'environment variable MLFLOW_TRACKING_TOKEN';
  throw new ConfigError({
    where,
    what: 'holds characters that cannot be sent',
    next: 'copy the token again',
  });
}
