/** Progress in a terminal, in a log and for machines. */
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Output } from '../../src/cli/terminal/colors.js';
import { duration, number, wrap } from '../../src/cli/terminal/format.js';
import { createProgress } from '../../src/cli/terminal/progress.js';

/** A stream that keeps what is written, and a clock that is set by hand. */
function recorder(terminal?: { columns: number }) {
  let text = '';
  const sink = new Writable({
    write(chunk, _encoding, callback) {
      text += chunk;
      callback();
    },
  });
  const stream: Output = Object.assign(sink, terminal && { isTTY: true, columns: terminal.columns });
  const clock = { ms: 0 };
  return { stream, clock, now: () => clock.ms, text: () => text };
}

describe('without a terminal', () => {
  it('writes a plain line every ten seconds', () => {
    const { stream, clock, now, text } = recorder();
    const progress = createProgress({ stream, now });
    progress.start(100, 'train');
    for (let step = 1; step <= 25; step++) {
      clock.ms += 1000;
      progress.update({ step, loss: 1 / step, 'conscience/flag_rate': null, tokens_per_second: 250 });
    }
    progress.done('Trained 100 steps.');
    expect(text().split('\n')).toEqual([
      'train 1/100  loss 1  250 tokens/s  1 min 39 s left',
      'train 11/100  loss 0.09091  250 tokens/s  1 min 29 s left',
      'train 21/100  loss 0.04762  250 tokens/s  1 min 19 s left',
      'Trained 100 steps.  25 s',
      '',
    ]);
  });

  it('ends with the warning, where there is one', () => {
    const { stream, now, text } = recorder();
    createProgress({ stream, now }).done('Trained 100 steps.', 'Nothing was learnt.');
    expect(text()).toBe('Trained 100 steps.\nWarning: Nothing was learnt.\n');
  });

  it('leaves a slow first step out of the rate, and steps done before resuming', () => {
    const { stream, clock, now, text } = recorder();
    const progress = createProgress({ stream, now });
    progress.start(100, 'train', { first: 50 });
    clock.ms = 60_000;
    progress.update({ step: 51 });
    clock.ms += 10_000;
    progress.update({ step: 61 });
    expect(text()).toContain('train 61/100  39 s left\n');
  });

  it('takes no run for the first of several that are made at a time', () => {
    const { stream, clock, now, text } = recorder();
    const progress = createProgress({ stream, now });
    progress.start(4, 'runs', { unit: 'runs' });
    clock.ms = 600_000;
    progress.update({ step: 1 });
    clock.ms += 20_000;
    progress.update({ step: 2 });
    expect(text()).toContain('runs 2/4  10 min 20 s left\n');
  });

  it('counts bytes in megabytes', () => {
    const { stream, clock, now, text } = recorder();
    const progress = createProgress({ stream, now });
    progress.start(90e6, 'model.safetensors', { unit: 'bytes' });
    clock.ms = 10_000;
    progress.update({ step: 30e6 });
    expect(text()).toBe('model.safetensors 30.0/90.0 MB  3.0 MB/s  20 s left\n');
  });
});

describe('in a terminal', () => {
  it('redraws one line that never wraps, and keeps notes', () => {
    const { stream, clock, now, text } = recorder({ columns: 60 });
    const progress = createProgress({ stream, now });
    progress.start(10, 'train');
    for (let step = 1; step <= 10; step++) {
      clock.ms += 200;
      progress.update({ step, loss: 1.25, 'conscience/flag_rate': 0.125, tokens_per_second: 267 });
      if (step === 5) progress.note('validation loss 1.5');
    }
    progress.end();
    const drawn = text().split(/\r|\n/).map(stripVTControlCharacters);
    expect(Math.max(...drawn.map((line) => line.length))).toBeLessThan(60);
    expect(drawn).toContain('validation loss 1.5');
    expect(drawn).toContain(`train  ${'━'.repeat(24)}  10/10  loss 1.25`);
    expect(text().endsWith('\r\x1b[2K')).toBe(true);
  });
});

describe('the end in a terminal', () => {
  const lines = (warning?: string) => {
    const { stream, now, text } = recorder({ columns: 60 });
    createProgress({ stream, now }).done('Trained.', warning);
    return stripVTControlCharacters(text());
  };

  it('has a tick only where nothing is to be warned of', () => {
    expect(lines()).toBe('✓ Trained.\n');
    expect(lines('Nothing was learnt.')).toBe('Trained.\nWarning: Nothing was learnt.\n');
  });
});

describe('with --json', () => {
  it('writes every step as one object', () => {
    const { stream, text } = recorder();
    const progress = createProgress({ json: true, stream });
    progress.start(2, 'train');
    progress.update({ step: 1, loss: 0.5, 'rewards/chosen': null });
    progress.note('a "note"');
    progress.done('Done.');
    expect(
      text()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { event: 'start', label: 'train', total: 2, first: 0, unit: 'steps' },
      { event: 'progress', label: 'train', total: 2, step: 1, loss: 0.5, 'rewards/chosen': null },
      { event: 'note', text: 'a "note"' },
      { event: 'done', label: 'train', text: 'Done.' },
    ]);
  });

  it('has the warning of an end as a field', () => {
    const { stream, text } = recorder();
    createProgress({ json: true, stream }).done('Done.', 'Nothing was learnt.');
    expect(JSON.parse(text())).toMatchObject({
      event: 'done',
      text: 'Done.',
      warning: 'Nothing was learnt.',
    });
  });
});

describe('formats', () => {
  it.each([
    [0.4, '0 s'],
    [59.6, '1 min 00 s'],
    [130, '2 min 10 s'],
    [3599.6, '1 h 00 min'],
    [3900, '1 h 05 min'],
  ])('duration of %d s', (seconds, shown) => expect(duration(seconds)).toBe(shown));

  it.each([
    [0, '0'],
    [1.23456, '1.235'],
    [-0.0123456, '-0.01235'],
    [2e-5, '2e-5'],
    [1.234e-7, '1.23e-7'],
    [12345.6, '12346'],
  ])('number %d', (value, shown) => expect(number(value)).toBe(shown));

  it('wraps words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('incomprehensible word', 5)).toEqual(['incomprehensible', 'word']);
  });
});
