/** Trackio and Weights & Biases get a run as docs/dashboard.md says, by their own clients, without a network. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The values of a project as Trackio has them; the event file has them in float32. */
const TRACKIO = `
import json, sys, trackio
from trackio.sqlite_storage import SQLiteStorage
print(json.dumps({run: SQLiteStorage.get_logs(sys.argv[1], run) for run in SQLiteStorage.get_runs(sys.argv[1])}))
`;

/** The history in a .wandb file: records of protobuf in LevelDB's log format, of which wandb ships the messages. */
const WANDB = `
import json, struct, sys
from wandb.proto.wandb_internal_pb2 import Record
data, at, part, found = open(sys.argv[1], 'rb').read(), 7, b'', []
while at + 7 <= len(data):
    if 32768 - at % 32768 < 7:
        at += 32768 - at % 32768
        continue
    _, length, kind = struct.unpack('<IHB', data[at:at + 7])
    part += data[at + 7:at + 7 + length]
    at += 7 + length
    if kind in (1, 4):
        record, part = Record.FromString(part), b''
        if record.WhichOneof('record_type') == 'history':
            found.append({(item.key or '.'.join(item.nested_key)): json.loads(item.value_json) for item in record.history.item})
print(json.dumps(found))
`;

const near = (a, b) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));

export default {
  pip: ['trackio[tensorboard]==0.43.0', 'wandb==0.31.0'],
  async run({ work, root, python, run, ealign }) {
    const rows = join(work, 'rows.jsonl');
    const row = { prompt: 'how do i care for a cat ?', completion: 'feed it and play with it .' };
    writeFileSync(rows, `${JSON.stringify(row)}\n`.repeat(40));
    const output = join(work, 'runs', 'poems');
    const how = ['--steps', '6', '--log-every', '2', '--no-conscience', '--batch-size', '2'];
    ealign(['train', '--model', 'pinocchio', '--data', rows, '--output', output, ...how]);
    const lines = readFileSync(join(output, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const records = lines.map((line) => JSON.parse(line));
    const expected = (key) =>
      records.filter((record) => typeof record[key] === 'number').map((record) => [record.step, record[key]]);
    const same = (found, key) => {
      assert.equal(found.length, expected(key).length);
      found.forEach(([step, value], i) => {
        assert.equal(step, expected(key)[i][0]);
        assert.ok(near(value, expected(key)[i][1]), `${key} at ${step}: ${value}`);
      });
    };
    const docs = readFileSync(join(root, 'docs/dashboard.md'), 'utf8');

    const [, imports] = /python -c "(import trackio;.*)"/.exec(docs);
    const env = { TRACKIO_DIR: join(work, 'trackio'), HF_HUB_OFFLINE: '1' };
    run(python, ['-c', imports], { cwd: work, env });
    const logs = JSON.parse(run(python, ['-c', TRACKIO, 'poems'], { env }).trim().split('\n').at(-1));
    assert.deepEqual(Object.keys(logs), ['poems']);
    for (const key of ['loss', 'loss/sft', 'eval/loss', 'learning_rate']) {
      same(
        logs.poems.filter((log) => key in log).map((log) => [log.step, log[key]]),
        key,
      );
    }

    const [, script] = /```python\n([\s\S]*?)```/.exec(docs);
    writeFileSync(join(work, 'send.py'), script);
    run(python, ['send.py', output], {
      cwd: work,
      env: { WANDB_MODE: 'offline', WANDB_DIR: work, WANDB_ERROR_REPORTING: 'false' },
    });
    const folder = join(work, 'wandb');
    const [offline] = readdirSync(folder).filter((name) => name.startsWith('offline-run-'));
    const [file] = readdirSync(join(folder, offline)).filter((name) => name.endsWith('.wandb'));
    const history = JSON.parse(run(python, ['-c', WANDB, join(folder, offline, file)]));
    for (const key of ['loss', 'loss/sft', 'eval/loss', 'learning_rate']) {
      same(
        history.filter((item) => key in item).map((item) => [item._step, item[key]]),
        key,
      );
    }
  },
};
