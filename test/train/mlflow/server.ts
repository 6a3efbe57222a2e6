/** A double of MLflow's server: keeps what it is told, and refuses what the real one refuses. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Batch {
  readonly metrics?: readonly { key: string; value: number; step: number; timestamp: number }[];
  readonly params?: readonly { key: string; value: string }[];
}

/** Metric and parameter names that MLflow takes (mlflow/utils/validation.py). */
const NAME = /^[\w.\- :/]+$/;

export class MlflowDouble {
  /** Bodies by path, in the order in which they came, refused ones left out. */
  readonly asked: { path: string; body: Record<string, unknown> & Batch; authorization?: string }[] = [];
  readonly runs = new Map<string, { status: string; name: string }>();
  readonly experiments = new Map([['Default', '0']]);
  /** Answers every request with this, where it is set. */
  refuses?: { status: number; body?: string; headers?: Record<string, string> };
  private server?: Server;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts, again at the same port after a stop. */
  async start(): Promise<void> {
    this.server = createServer(async (request, response) => {
      let text = '';
      for await (const piece of request) text += piece;
      const { pathname, searchParams } = new URL(request.url!, this.url);
      const path = pathname.replace('/api/2.0/mlflow/', '');
      const { status, body, headers } = this.refuses ?? this.answer(path, text, searchParams);
      if (status < 400 && !this.refuses) {
        const { authorization } = request.headers;
        this.asked.push({ path, body: text === '' ? {} : JSON.parse(text), authorization });
      }
      response.writeHead(status, headers).end(body ?? '{}');
    }).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    this.server?.close();
    if (this.server?.listening) await once(this.server, 'close');
  }

  /** All values of a metric, as [step, value]. */
  metric(key: string): [number, number][] {
    const all = this.asked.flatMap(({ body }) => body.metrics ?? []);
    return all.filter((one) => one.key === key).map(({ step, value }) => [step, value]);
  }

  private answer(path: string, text: string, query: URLSearchParams): MlflowDouble['refuses'] & object {
    const ok = (value: object) => ({ status: 200, body: JSON.stringify(value), headers: {} });
    const no = (status: number, error_code: string) => ({
      ...{ status, body: JSON.stringify({ error_code, message: error_code.toLowerCase() }), headers: {} },
    });
    const body = text === '' ? {} : JSON.parse(text);
    switch (path) {
      case 'experiments/get-by-name': {
        const id = this.experiments.get(query.get('experiment_name')!);
        return id ? ok({ experiment: { experiment_id: id } }) : no(404, 'RESOURCE_DOES_NOT_EXIST');
      }
      case 'experiments/create':
        this.experiments.set(body.name, String(this.experiments.size));
        return ok({ experiment_id: this.experiments.get(body.name) });
      case 'runs/create': {
        const run_id = `run${this.runs.size + 1}`;
        this.runs.set(run_id, { status: 'RUNNING', name: body.run_name });
        return ok({ run: { info: { run_id } } });
      }
    }
    const run = this.runs.get(body.run_id);
    if (!run) return no(404, 'RESOURCE_DOES_NOT_EXIST');
    if (path === 'runs/update') run.status = body.status;
    const { metrics = [], params = [] } = body as Batch;
    const bad = [...metrics, ...params].some(({ key }) => !NAME.test(key) || key.length > 250);
    const many = metrics.length > 1000 || params.length > 100;
    return bad || many ? no(400, 'INVALID_PARAMETER_VALUE') : ok({});
  }
}
