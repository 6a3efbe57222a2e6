/**
 * MLflow's own server gets a run as it goes on, after a resume, and after an end without a server; its own client reads
 * the values back.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const READ = `
import json, sys, mlflow
client = mlflow.MlflowClient()
def all_of(run):
    history = {key: [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, key)] for key in run.data.metrics}
    return {'name': run.info.run_name, 'status': run.info.status, 'params': run.data.params, 'metrics': history}
experiment = client.get_experiment_by_name(sys.argv[1])
print(json.dumps([all_of(run) for run in client.search_runs([experiment.experiment_id], order_by=['attributes.start_time'])]))
`;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export default {
  pip: ['mlflow==3.17.2'],
  async run({ work, root, python, run, ealign, binaries }) {
    const port = await freePort();
    const env = {
      PATH: binaries,
      MLFLOW_TRACKING_URI: `http://127.0.0.1:${port}`,
      MLFLOW_EXPERIMENT_NAME: 'rhymes',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      // its queue of jobs is five processes more
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    };
    const rows = join(work, 'rows.jsonl');
    const row = { prompt: 'how do i care for a cat ?', completion: 'feed it and play with it .' };
    writeFileSync(rows, `${JSON.stringify(row)}\n`.repeat(40));
    const train = (name, ...flags) => {
      const output = join(work, name);
      const how = [
        '--steps',
        '12',
        '--log-every',
        '2',
        '--no-conscience',
        '--save-every',
        '4',
        '--batch-size',
        '2',
      ];
      ealign(
        [
          'train',
          '--model',
          'pinocchio',
          '--data',
          rows,
          '--output',
          output,
          '--report-to',
          'mlflow',
          ...how,
          ...flags,
        ],
        { cwd: work, env },
      );
      return output;
    };
    const records = (folder) =>
      readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    const written = (folder) => {
      const all = {};
      for (const { step, ...values } of records(folder)) {
        for (const [key, value] of Object.entries(values))
          if (value !== null) (all[key] ??= []).push([step, value]);
      }
      return all;
    };

    // no server yet: the run ends as ever, and says how to send it
    const away = train('away');
    assert.ok(existsSync(join(away, 'adapter_model.safetensors')));
    assert.equal(existsSync(join(away, 'mlflow.json')), false);

    const how = ['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'];
    const server = spawn(python, [...how, '--backend-store-uri', `sqlite:///${join(work, 'mlflow.db')}`], {
      ...{ cwd: work, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    });
    let log = '';
    server.stderr.on('data', (bytes) => {
      log += bytes;
    });
    try {
      for (
        let tries = 0;
        !(await fetch(`${env.MLFLOW_TRACKING_URI}/health`).catch(() => undefined))?.ok;
        tries++
      ) {
        assert.ok(tries < 300 && server.exitCode === null, `mlflow server does not answer:\n${log}`);
        await sleep(1000);
      }
      const read = () => JSON.parse(run(python, ['-c', READ, 'rhymes'], { env }).trim().split('\n').at(-1));

      // the run that no server was there for
      ealign(['mlflow', away], { env });
      const [sent] = read();
      assert.deepEqual([sent.name, sent.status], ['away', 'FINISHED']);
      assert.deepEqual(sent.metrics, written(away));
      assert.equal(sent.params['training.log_every'], '2');
      assert.equal(sent.params.model, 'pinocchio');

      // a run as it goes on
      const live = train('live');
      const [, second] = read();
      assert.deepEqual([second.name, second.status], ['live', 'FINISHED']);
      assert.deepEqual(second.metrics, written(live));

      // from its last checkpoint again: it is the same run at MLflow, and no step is there twice
      ealign(['train', '--resume', join(live, 'checkpoint-8')], { cwd: work, env });
      const all = read();
      assert.equal(all.length, 2);
      assert.equal(all[1].status, 'FINISHED');
      assert.deepEqual(all[1].metrics.loss, second.metrics.loss);

      // Ctrl-C, and on to the end
      const stopped = join(work, 'stopped');
      const long = [
        '--steps',
        '400',
        '--log-every',
        '1',
        '--no-conscience',
        '--batch-size',
        '1',
        '--report-to',
        'mlflow',
      ];
      const flags = ['train', '--model', 'pinocchio', '--data', rows, '--output', stopped, ...long];
      const training = spawn(process.execPath, [join(root, 'bin/ealign.js'), ...flags], {
        ...{ cwd: work, env: { ...process.env, ...env }, stdio: 'ignore' },
      });
      while (training.exitCode === null && !existsSync(join(stopped, 'mlflow.json'))) await sleep(50);
      training.kill('SIGINT');
      await once(training, 'exit');
      assert.equal(read()[2].status, 'KILLED');
      ealign(['train', '--resume', stopped], { cwd: work, env });
      const third = read()[2];
      assert.equal(third.status, 'FINISHED');
      assert.deepEqual(third.metrics.loss, written(stopped).loss);
    } finally {
      // the server has workers
      process.kill(-server.pid, 'SIGTERM');
      if (server.exitCode === null) await once(server, 'exit');
    }
  },
};
