/** The reviews that a filter leaves, fetched block by block as they come near the screen. */
import { ask } from './live.js';
import type { ReviewCounts, ReviewLine, ReviewPage } from './wire.js';

/** Reviews fetched at once. */
const BLOCK = 100;

/** What to list, as the controls have it. */
export interface ReviewQuery {
  readonly verdict: string;
  readonly outcome: string;
  readonly text: string;
}

/** A view of one run's reviews; it tells whenever there is something new. */
export class ReviewLines {
  counts: ReviewCounts | null = null;
  /** Reviews that match; null before the first answer. */
  total: number | null = null;
  reading = true;
  /** Why there is no answer; null where there is one. */
  problem: string | null = null;
  private readonly blocks = new Map<number, readonly ReviewLine[]>();
  private readonly asked = new Set<number>();
  /** Rows that were needed last. */
  private wanted: readonly [from: number, to: number] = [0, 0];
  private readonly ending = new AbortController();

  /** @param onChange called after each answer */
  constructor(
    private readonly run: string,
    private readonly query: ReviewQuery,
    private readonly onChange: () => void,
  ) {}

  /** The review in a row; the newest is in row 0. Undefined until it is there. */
  at(row: number): ReviewLine | undefined {
    const place = (this.total ?? 0) - 1 - row;
    return this.blocks.get(Math.floor(place / BLOCK))?.[place % BLOCK];
  }

  /** Sees to it that some rows are there: from, up to and without. */
  need(from: number, to: number): void {
    this.wanted = [from, to];
    const total = this.total ?? 0;
    const [oldest, newest] = [total - to, total - 1 - from];
    for (let block = Math.floor(Math.max(0, oldest) / BLOCK); block <= Math.floor(newest / BLOCK); block++) {
      const whole = Math.min(BLOCK, total - block * BLOCK);
      if ((this.blocks.get(block)?.length ?? 0) < whole) void this.fetchBlock(block);
    }
  }

  /** Asks how many there are by now. */
  async refresh(): Promise<void> {
    await this.fetch(0, 0);
    while (this.reading && this.problem === null && !this.ending.signal.aborted) await this.fetch(0, 0);
  }

  /** No answer is wanted any more. */
  end(): void {
    this.ending.abort();
  }

  private async fetchBlock(block: number): Promise<void> {
    if (this.asked.has(block)) return;
    this.asked.add(block);
    const page = await this.fetch(block * BLOCK, BLOCK);
    this.asked.delete(block);
    if (!page) return;
    this.blocks.set(block, page.lines);
    this.onChange();
  }

  private async fetch(from: number, count: number): Promise<ReviewPage | undefined> {
    const { run, query, ending } = this;
    const asked = new URLSearchParams({ ...query, from: String(from), count: String(count) });
    try {
      const page = await ask<ReviewPage>(`/api/runs/${run}/reviews?${asked}`, ending.signal);
      if (ending.signal.aborted) return undefined;
      if (page.total < (this.total ?? 0)) this.blocks.clear();
      ({ counts: this.counts, total: this.total, reading: this.reading } = page);
      this.problem = null;
      // what could not be had before may be there now
      this.need(...this.wanted);
      this.onChange();
      return page;
    } catch (error) {
      if (ending.signal.aborted) return undefined;
      this.problem = (error as Error).message;
      this.onChange();
      return undefined;
    }
  }
}
