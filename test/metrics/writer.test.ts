/** Metrics on disk: what is written is read back, and resuming neither repeats nor loses a record. */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SaveError } from '../../src/errors.js';
import { decodeEvent, encodeEvent } from '../../src/metrics/tensorboard.js';
import { crc32c, frame, unframe } from '../../src/metrics/tfrecord.js';
import { METRICS_FILE, MetricsWriter, readMetrics } from '../../src/metrics/writer.js';

const newFolder = () => mkdtempSync(join(tmpdir(), 'ealign-metrics-'));

function eventsOf(folder: string) {
  const files = readdirSync(folder).filter((name) => name.includes('tfevents'));
  expect(files).toHaveLength(1);
  const bytes = readFileSync(join(folder, files[0]));
  return { path: join(folder, files[0]), events: [...unframe(bytes)].map(({ data }) => decodeEvent(data)) };
}

describe('MetricsWriter', () => {
  it('writes the same records to both files, null only to JSONL', () => {
    const folder = newFolder();
    const writer = new MetricsWriter(folder, undefined, () => 1_700_000_000_500);
    writer.write(10, { loss: 1.5, 'rewards/chosen': null, 'conscience/flag_rate': 0.25 });
    writer.write(20, { loss: 1.25 });
    expect(readFileSync(join(folder, METRICS_FILE), 'utf8')).toBe(
      '{"step":10,"loss":1.5,"rewards/chosen":null,"conscience/flag_rate":0.25}\n{"step":20,"loss":1.25}\n',
    );
    const wallTime = 1_700_000_000.5;
    expect(eventsOf(folder).events).toEqual([
      { wallTime, step: 0, fileVersion: 'brain.Event:2', scalars: {} },
      { wallTime, step: 10, scalars: { loss: 1.5, 'conscience/flag_rate': 0.25 } },
      { wallTime, step: 20, scalars: { loss: 1.25 } },
    ]);
  });

  it('resumes behind the checkpoint, dropping later records and a cut one', () => {
    const folder = newFolder();
    const killed = new MetricsWriter(folder);
    for (const step of [0, 10, 20, 30]) killed.write(step, { loss: step });
    appendFileSync(join(folder, METRICS_FILE), '{"step":40,"lo');
    appendFileSync(
      eventsOf(folder).path,
      frame(encodeEvent({ wallTime: 0, step: 40, scalars: { loss: 40 } })).subarray(0, -1),
    );

    const resumed = new MetricsWriter(folder, 20);
    resumed.write(30, { loss: 31 });
    expect(readMetrics(folder)).toEqual([
      { step: 0, loss: 0 },
      { step: 10, loss: 10 },
      { step: 20, loss: 20 },
      { step: 30, loss: 31 },
    ]);
    const { events } = eventsOf(folder);
    expect(events.slice(1).map(({ step, scalars }) => [step, scalars.loss])).toEqual([
      [0, 0],
      [10, 10],
      [20, 20],
      [30, 31],
    ]);
  });

  it('drops a cut record on resuming even when nothing is newer than the checkpoint', () => {
    const folder = newFolder();
    new MetricsWriter(folder).write(10, { loss: 1 });
    appendFileSync(join(folder, METRICS_FILE), '{"step":2');
    new MetricsWriter(folder, 10).write(20, { loss: 2 });
    expect(readMetrics(folder).map(({ step }) => step)).toEqual([10, 20]);
  });

  it('starts afresh without a checkpoint, leaving foreign files alone', () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'notes.txt'), 'keep');
    new MetricsWriter(folder, undefined, () => 0).write(10, { loss: 1 });
    new MetricsWriter(folder, undefined, () => 5000).write(10, { loss: 2 });
    expect(readMetrics(folder)).toEqual([{ step: 10, loss: 2 }]);
    expect(eventsOf(folder).events).toHaveLength(2);
    expect(readdirSync(folder)).toContain('notes.txt');
  });

  it('refuses a metric that is not finite', () => {
    expect(() => new MetricsWriter(newFolder()).write(3, { loss: Number.NaN })).toThrow(
      "metric 'loss' is NaN at step 3",
    );
  });

  it('says in one line that the folder cannot be written', () => {
    const file = join(newFolder(), 'file');
    writeFileSync(file, '');
    expect(() => new MetricsWriter(join(file, 'run'))).toThrow(SaveError);
    expect(() => new MetricsWriter(join(file, 'run'))).toThrow(/run: /);
  });
});

describe('TFRecord', () => {
  it('has the checksum of RFC 3720, B.4', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  });

  it('stops at a damaged record', () => {
    const good = frame(Uint8Array.of(1, 2, 3));
    for (let i = 0; i < good.length; i++) {
      const damaged = Uint8Array.from(good);
      damaged[i] ^= 1;
      expect([...unframe(Buffer.concat([good, damaged]))]).toEqual([
        { data: Buffer.from([1, 2, 3]), end: good.length },
      ]);
    }
  });
});
