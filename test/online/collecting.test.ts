import { expect, it } from 'vitest';
import type { Online } from '../../src/online/online.js';
import { collecting } from '../../src/serve/online.js';
import type { ServedExchange } from '../../src/serve/turn.js';

it('answers to requests with tools or a format are not learned from: a pair would not hold them', () => {
  const kept: string[] = [];
  const online = { collect: ({ request }: { request: string }) => kept.push(request) } as unknown as Online;
  const collect = collecting(online, {} as Parameters<typeof collecting>[1]);
  const draft = { text: 'yes', finish: 'stop', tokens: 1 } as const;
  const exchange = (requestId: string, options: object) =>
    ({
      ...{ key: 'me', requestId, request: { messages: [], options }, answer: { draft, record: null } },
    }) as unknown as ServedExchange;
  collect(exchange('plain', {}));
  collect(exchange('with tools', { tools: [{ name: 'weather' }] }));
  collect(exchange('in JSON', { format: {} }));
  expect(kept).toEqual(['plain']);
});

it('requests that got no draft are not learned from: the model has said nothing', () => {
  const kept: string[] = [];
  const online = { collect: ({ request }: { request: string }) => kept.push(request) } as unknown as Online;
  const collect = collecting(online, {} as Parameters<typeof collecting>[1]);
  const draft = { text: '', finish: 'stop', tokens: 0 } as const;
  for (const verdict of ['accepted', 'unreadable', 'objected']) {
    const record = { outcome: 'corrected', verdict: 'objected', p_objection: 0.9, input: { verdict } };
    collect({
      ...{ key: 'me', requestId: verdict, request: { messages: [], options: {} }, answer: { draft, record } },
    } as unknown as ServedExchange);
  }
  expect(kept).toEqual(['accepted', 'unreadable']);
});
