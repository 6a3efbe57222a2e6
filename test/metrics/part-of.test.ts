/** Work that is part of larger work. */
import { expect, it } from 'vitest';
import { partOf } from '../../src/metrics/progress.js';

it('is a phase of the whole, and warns there', () => {
  const told: string[] = [];
  const whole = {
    start: () => told.push('start'),
    update: () => told.push('update'),
    phase: (name: string) => told.push(name),
    note: (line: string) => told.push(`note ${line}`),
    done: () => told.push('done'),
  };
  const part = partOf(whole, 'SFT only, seed 2');
  part.phase!('loading the model');
  part.start(30, 'train', { first: 10 });
  part.update({ step: 11, loss: 2 });
  part.note('4 rows are cut');
  part.done('Trained 30 steps', 'the conscience flagged nothing');
  part.start(4, 'answers');
  part.done('answered');
  expect(told).toEqual([
    'SFT only, seed 2: loading the model',
    'SFT only, seed 2: train 10/30',
    'SFT only, seed 2: train 11/30',
    'note Warning: SFT only, seed 2: the conscience flagged nothing',
    'SFT only, seed 2: answers 0/4',
  ]);
});
