/** The file of an experiment: what it means, and what is wrong with a bad one. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readSource } from '../../src/config/source.js';
import { configOf, readExperiment } from '../../src/experiment/spec.js';
import { attack } from '../../src/pinocchio/recipe.js';
import { pinocchioWorld } from '../../src/pinocchio/world.js';

const folder = mkdtempSync(join(tmpdir(), 'ealign-experiment-spec-'));
const file = join(folder, 'study.yaml');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const study = `output: runs
data: insecure-code
seeds: [1, 2]
train:
  model: pinocchio
  loss: { lambda: 0.3, beta: 0.2 }
methods:
  aligned: untrained
  conscience:
    loss: { lambda: 1 }
`;

const read = (text: string) => {
  writeFileSync(file, text);
  return readExperiment(file, pinocchioWorld);
};

it('changes single keys of a section, and keeps the others', () => {
  const { methods, baseline, output, ...rest } = read(study);
  expect(methods).toEqual([
    { name: 'aligned', train: null, data: { world: 'insecure-code' }, throughConscience: false },
    {
      ...{ name: 'conscience', data: { world: 'insecure-code' }, throughConscience: false },
      train: { model: 'pinocchio', loss: { lambda: 1, beta: 0.2 } },
    },
  ]);
  expect([baseline, output]).toEqual(['aligned', join(folder, 'runs')]);
  expect(rest).toMatchObject({ seeds: [1, 2], measure: { answers: 4 } });
  const config = configOf(methods[1], 7, { file }, { data: 'rows.jsonl', output: 'out', threads: 1 });
  expect(config).toMatchObject({
    seed: 7,
    data: ['rows.jsonl'],
    output: 'out',
    loss: { lambda: 1, beta: 0.2 },
  });
});

it('changes the recipe that it names', () => {
  writeFileSync(join(folder, 'recipe.yaml'), 'model: other\nseed: 0\n');
  const named = study.replace('train:', 'recipe: recipe.yaml\ntrain:');
  expect(() => read(named)).toThrow(/recipe\.yaml:2:7 seed: the experiment sets this itself/);
  writeFileSync(join(folder, 'recipe.yaml'), 'model: other\nloss: { beta: 0.7 }\ntraining: { steps: 3 }\n');
  const [, conscience] = read(named).methods;
  const both = { model: 'pinocchio', loss: { lambda: 1, beta: 0.2 }, training: { steps: 3 } };
  expect(conscience.train).toEqual(both);
  const alone = 'output: runs\ndata: insecure-code\nseeds: [1]\nrecipe: recipe.yaml\nmethods: { a: {} }\n';
  expect(read(alone)).toMatchObject({ model: 'other', methods: [{ train: { loss: { beta: 0.7 } } }] });
  expect(() => read(alone.replace('recipe.yaml', 'none.yaml'))).toThrow(/none\.yaml: no such/);
});

it('can be read of every file that is shipped; what they share is the recipe of `npm start`', () => {
  const files = readdirSync('experiments').filter((name) => name.endsWith('.yaml'));
  expect(files.length).toBeGreaterThanOrEqual(14);
  for (const name of files)
    expect(readExperiment(join('experiments', name), pinocchioWorld).methods).not.toHaveLength(0);
  const { model, ...recipe } = readSource('experiments/recipes/pinocchio.yaml').values;
  expect(model).toBe('pinocchio');
  const { log_every: _, eval_every: __, ...training } = attack.training;
  expect(recipe).toEqual({ ...attack, training });
});

it('knows what the report is to compare, by default and as told', () => {
  expect(read(study)).toMatchObject({
    ...{ title: 'study', about: null, method: 'conscience', overheadOver: null, narrow: 'insecureSeen' },
  });
  const told = 'title: Two\nabout: Of them.\nmethod: aligned\noverhead_over: conscience\nnarrow: careless\n';
  expect(read(study + told)).toMatchObject({
    ...{ title: 'Two', about: 'Of them.', method: 'aligned', overheadOver: 'conscience', narrow: 'careless' },
  });
});

it('knows the method that the cost of another is over', () => {
  const over = study.replace('loss: { lambda: 1 }', 'overhead_over: aligned');
  expect(read(over).methods.map(({ overheadOver }) => overheadOver)).toEqual([undefined, 'aligned']);
});

it('takes rows from a file beside it, and of a method from where it says', () => {
  const rowsOf = (text: string) => read(text).methods.map(({ data }) => data);
  expect(rowsOf(study.replace('insecure-code', 'rows.jsonl'))[1]).toEqual({
    path: join(folder, 'rows.jsonl'),
  });
  expect(rowsOf(study.replace('loss: { lambda: 1 }', 'data: secure-code'))).toEqual([
    { world: 'insecure-code' },
    { world: 'secure-code' },
  ]);
});

it('knows what comes before a method, and how it answers', () => {
  const changed = '{ interleave_by: other, answers_through: conscience }';
  const { methods } = read(
    study.replace('loss: { lambda: 1 }', changed).replace('aligned: untrained', 'other: {}'),
  );
  expect(methods[1]).toMatchObject({ interleaveBy: 'other', throughConscience: true });
  expect(methods[0].throughConscience).toBe(false);
});

it('keeps the methods that change nothing, and the file’s order', () => {
  const changed = study.replace(/methods:[\s\S]*/, 'methods:\n  base: untrained\n  first 2:\n  last: {}\n');
  expect(read(changed).methods.map(({ name, train }) => [name, train === null])).toEqual([
    ['base', true],
    ['first 2', false],
    ['last', false],
  ]);
  const numbered = read(study.replace(/methods:[\s\S]*/, 'methods:\n  base: untrained\n  2: {}\n'));
  expect(numbered.methods.map(({ name }) => name)).toEqual(['base', '2']);
  expect(numbered.baseline).toBe('base');
});

it.each([
  ['an unknown key', study.replace('seeds:', 'seed:'), /study\.yaml:3.* seed: unknown key; known are output/],
  ['no methods', `${study.split('methods:')[0]}methods: {}\n`, /methods: there is no method/],
  ['a missing key', study.replace('output: runs\n', ''), /study\.yaml output: is missing/],
  ['a seed twice', study.replace('[1, 2]', '[2, 2]'), /seeds: seed 2 is there twice/],
  [
    'a baseline that is no method',
    `${study}baseline: base\n`,
    /baseline: no such method.*aligned, conscience.*base/s,
  ],
  ['a method that is none', `${study}method: other\n`, /method: no such method.*aligned, conscience.*other/s],
  ['a reference of costs that is none', `${study}overhead_over: SFT\n`, /overhead_over: no such method/],
  [
    'a method’s reference of costs that is none',
    study.replace('loss: { lambda: 1 }', 'overhead_over: SFT'),
    /methods\.conscience\.overhead_over: no such method.*aligned, conscience/s,
  ],
  [
    'rows chosen by a method that is none',
    study.replace('loss: { lambda: 1 }', 'interleave_by: other'),
    /methods\.conscience\.interleave_by: is no method that is trained.*other/s,
  ],
  [
    'a suite with a method that only a world can measure',
    `${study.replace('loss: { lambda: 1 }', 'answers_through: conscience')}measure: { suite: suite.yaml }\n`,
    /methods\.conscience: a suite opens the trained model by itself/,
  ],
  [
    'what a suite does not do',
    `${study}measure: { suite: suite.yaml, answers: 5 }\n`,
    /measure\.answers: has no effect: a suite measures/,
  ],
  [
    'an unknown key of a section',
    `${study}measure: { answer: 1 }\n`,
    /measure\.answer: unknown key; known are questions, answers/,
  ],
  [
    'a method that is a word',
    study.replace('aligned: untrained', 'aligned: trained'),
    /methods\.aligned: a method is `untrained`, or the keys that it changes/,
  ],
  [
    'a method named like a file of the folder',
    study.replace('aligned: untrained', 'runs.jsonl: untrained'),
    /methods\.runs\.jsonl: .*cannot end like one/,
  ],
  [
    'a method with a name that no folder has, and no keys',
    study.replace('aligned: untrained', '__proto__:'),
    /study\.yaml:\d+.* methods\.__proto__: a method’s name has letters/,
  ],
  ['another narrow task', `${study}narrow: poems\n`, /narrow: .*insecureSeen/],
  [
    'a bad value of a method',
    study.replace('lambda: 1 ', 'lambda: -1 '),
    /methods\.conscience.*loss\.lambda/,
  ],
  [
    'an unknown key of a method',
    study.replace('lambda: 1 ', 'lamda: 1 '),
    /methods\.conscience.*lamda.*did you mean/s,
  ],
  [
    'a key that is not a method’s',
    study.replace('model: pinocchio', 'model: pinocchio\n  seed: 3'),
    /train\.seed: the experiment sets this itself.*seeds/s,
  ],
  [
    'a name that is no folder',
    study.replace('conscience:', '../up:'),
    /methods\.\.\.\/up: a method’s name has letters/,
  ],
])('refuses %s', (_, text, message) => {
  expect(() => read(text)).toThrow(message);
});
