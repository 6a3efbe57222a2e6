/** The table: what is shown of spreads, bars, missing peers and what was left out. */
import { expect, it } from 'vitest';
import { renderBench, rowText } from '../../src/bench/render.js';

it('renders rows, missing peers and what there was no time for', () => {
  const text = renderBench({
    ...{ machine: '2 × Some CPU, Node 20', threads: 2 },
    rows: [
      {
        ...{ benchmark: 'decode-1', model: 'a.gguf', what: 'tokens/s', peer: 'llama.cpp', pairs: 3 },
        ours: { median: 125.04, min: 120, max: 130 },
        theirs: { median: 104, min: 104, max: 104 },
        ratio: { median: 1.2, min: 1.151, max: 1.25 },
        ...{ bar: { atLeast: 1 }, barOn: 'ratio', reached: 'yes' },
      },
      {
        ...{ benchmark: 'chat', model: 'a.gguf', what: 'GB', pairs: 2 },
        ours: { median: 0.95e9, min: 0.95e9, max: 0.95e9 },
        ...{ bar: { atMost: 0.9e9 }, barOn: 'ours', reached: 'open' },
      },
    ],
    taken: [
      {
        ...{ benchmark: 'decode-1', model: 'a.gguf', ours: [], note: 'Prompts of 45 tokens.' },
        peers: [{ name: 'llama.cpp', versions: 'xllamacpp 1', samples: [] }],
      },
      {
        ...{ benchmark: 'chat', model: 'a.gguf', ours: [] },
        peers: [{ name: 'llama.cpp', samples: [], missing: 'xllamacpp is not installed' }],
      },
    ],
    leftOut: [{ name: 'reviews, a.gguf', why: 'no time left of 1 minutes' }],
    measures: [{ name: 'chat', words: 'A chat.' }],
  });
  expect(text).toBe(`2 × Some CPU, Node 20; 2 threads; xllamacpp 1

| benchmark | model  | unit     | ours          | peer      | its number | ours / peer      | pairs | bar          | reached |
|-----------|--------|----------|---------------|-----------|------------|------------------|-------|--------------|---------|
| decode-1  | a.gguf | tokens/s | 125 (120–130) | llama.cpp | 104        | 1.20 (1.15–1.25) | 3     | ≥ 1.00       | yes     |
| chat      | a.gguf | GB       | 0.950         |           |            |                  | 2     | ours ≤ 0.900 | open    |

Medians of turns and of the ratios of pairs, smallest and largest in brackets. A bar with too few pairs is open.

Missing peers:

- llama.cpp: xllamacpp is not installed

Not measured:

- reviews, a.gguf: no time left of 1 minutes

What is measured:

- chat: A chat.
- decode-1, a.gguf: Prompts of 45 tokens.
`);
});

it('tells a row in one line', () => {
  const row = {
    ...{ benchmark: 'walk', what: 'GB', peer: 'peer', pairs: 3 },
    better: 'less',
    ours: { median: 2e9, min: 1e9, max: 3e9 },
    theirs: { median: 4e9, min: 4e9, max: 4e9 },
    ratio: { median: 0.5, min: 0.25, max: 0.75 },
    bar: { atMost: 0.6 },
    barOn: 'ratio',
    reached: 'yes',
  } as const;
  expect(rowText(row)).toBe(
    'walk: 2.00 (1.00–3.00) GB ↓; peer: 4.00, ours / peer 0.500 (0.250–0.750); bar ≤ 0.600: yes',
  );
});
