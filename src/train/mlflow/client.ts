/**
 * The part of MLflow's REST API 2.0 that a run needs: https://mlflow.org/docs/latest/rest-api.html.
 *
 * One request is one attempt; who asks decides about further ones.
 */
import { networkCode, serverWords } from '../../engine/server-words.js';
import { type ErrorParts, RemoteError, type RemoteFailure } from '../../errors.js';
import type { Tracking } from './tracking.js';

/** How a run ended, in MLflow's words. */
export type RunStatus = 'FINISHED' | 'FAILED' | 'KILLED';

/** A value at a step; the time is in milliseconds since 1970. */
export interface LoggedMetric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** The most that the server takes in one request. */
export const MOST_METRICS = 1000;
export const MOST_PARAMS = 100;

/** The server answers within this, milliseconds; a new one takes its time for the first request. */
const PATIENCE = 60_000;

/** Every method throws a RemoteError where the server cannot be reached or refuses. */
export class MlflowClient {
  constructor(readonly tracking: Tracking) {}

  /** The id of the experiment, which is made where there is none of its name. */
  async experiment(): Promise<string> {
    const { name, id } = this.tracking.experiment;
    if (name === undefined) return id;
    try {
      const query = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
      const { experiment } = await this.ask<{ experiment: { experiment_id: string } }>('GET', query);
      return experiment.experiment_id;
    } catch (error) {
      if (!(error instanceof RemoteError && error.status === 404)) throw error;
      return (await this.ask<{ experiment_id: string }>('POST', 'experiments/create', { name }))
        .experiment_id;
    }
  }

  /** Begins a run. @returns its id */
  async create(experiment: string, name: string, start: number, tags: readonly KeyValue[]): Promise<string> {
    const about = { experiment_id: experiment, run_name: name, start_time: start, tags };
    const { run } = await this.ask<{ run: { info: { run_id: string } } }>('POST', 'runs/create', about);
    return run.info.run_id;
  }

  /** Says that a run goes on, or how it ended. */
  async update(run: string, status: 'RUNNING' | RunStatus): Promise<void> {
    const end = status === 'RUNNING' ? {} : { end_time: Date.now() };
    await this.ask('POST', 'runs/update', { run_id: run, status, ...end });
  }

  /** Adds to a run; at most `MOST_METRICS` and `MOST_PARAMS`. */
  async log(
    run: string,
    batch: { readonly metrics?: readonly LoggedMetric[]; readonly params?: readonly KeyValue[] },
  ): Promise<void> {
    await this.ask('POST', 'runs/log-batch', { run_id: run, ...batch });
  }

  private async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const { url, authorization } = this.tracking;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}/api/2.0/mlflow/${path}`, {
        method,
        headers: {
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(authorization ? { authorization } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        // another host must not get the login
        redirect: 'manual',
        signal: AbortSignal.timeout(PATIENCE),
      });
      text = await response.text();
    } catch (error) {
      const reason = networkCode(error) ?? (error as Error).message;
      const next = 'check that the server runs and that MLFLOW_TRACKING_URI is right';
      throw this.error('unreachable', { what: `cannot be reached (${reason})`, next });
    }
    if (!response.ok) throw this.refusal(response, text);
    try {
      return JSON.parse(text);
    } catch {
      const next = 'check that MLFLOW_TRACKING_URI is the address of an MLflow server';
      throw this.error('nonsense', { what: 'answers something else than JSON', next });
    }
  }

  private refusal({ status, headers }: Response, body: string): RemoteError {
    const got = `status ${status}: ${serverWords(body, this.tracking.secret)}`;
    if (status >= 300 && status < 400) {
      const to = headers.get('location') ?? '';
      const place = URL.canParse(to, this.tracking.url) ? new URL(to, this.tracking.url).origin : 'nowhere';
      const next = 'set MLFLOW_TRACKING_URI to the address at which the server itself answers';
      return this.error(
        'refused',
        { what: `sends its clients on to ${place}, where nothing is sent`, next },
        status,
      );
    }
    if (status === 401 || status === 403) {
      const what = this.tracking.authorization ? 'does not accept the login' : 'asks for a login';
      const next = 'set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN';
      return this.error('access', { what, got, next }, status);
    }
    return this.error(status >= 500 ? 'server' : 'refused', { what: 'refuses the request', got }, status);
  }

  private error(failure: RemoteFailure, parts: ErrorParts, status?: number): RemoteError {
    return new RemoteError(failure, { where: `MLflow at ${this.tracking.url}`, ...parts }, status);
  }
}
