/** What a token of an answer costs, wherever it stands: counted, not timed. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GrowingRow } from '../../src/engine/onnx/generate.js';
import { letterTokenizer } from './tiny.js';

afterEach(() => vi.restoreAllMocks());

describe('the text of a response', () => {
  const [token] = letterTokenizer.encode('a');
  const options = { maxTokens: 5000, temperature: 0, stop: ['zzzz', 'qq'] };
  const grown = (tokens: number, onText?: (index: number, piece: string) => void) => {
    const row = new GrowingRow({ index: 0, tokens: [token], limit: tokens }, letterTokenizer, {
      ...options,
      ...(onText ? { onText } : {}),
    });
    while (!row.finished) row.grow({ best: token });
    return row;
  };

  it('is searched for stop strings, and passed on, in work that is linear in its length', () => {
    const charactersRead = (tokens: number) => {
      let read = 0;
      for (const name of ['indexOf', 'slice'] as const) {
        const own = String.prototype[name] as (...args: unknown[]) => never;
        vi.spyOn(String.prototype, name).mockImplementation(function (this: string, ...args: unknown[]) {
          read += this.length;
          return own.apply(this, args);
        });
      }
      grown(tokens, () => {});
      vi.restoreAllMocks();
      return read;
    };
    const [few, many] = [charactersRead(200), charactersRead(2000)];
    expect(few).toBeGreaterThan(200);
    expect(many / few).toBeLessThan(11);
  });

  it('is whole', () => {
    let streamed = '';
    const row = grown(50, (_, piece) => {
      streamed += piece;
    });
    expect(row.response().text).toBe('a'.repeat(50));
    expect(streamed).toBe('a'.repeat(50));
  });
});
