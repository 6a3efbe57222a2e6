/** The prompts that reviews put to the policy: each of a pool once, in shuffled order, before any comes again. */

import { Random } from '../random.js';
import type { Prompt } from '../values/conversation.js';

export class PromptTurns {
  /** Prompts taken so far: enough to continue from. */
  taken = 0;
  private pass = -1;
  private order: readonly Prompt[] = [];

  /** @param name tells pools apart that are shuffled with one seed */
  constructor(
    private readonly pool: readonly Prompt[],
    private readonly seed: number,
    private readonly name: string,
  ) {}

  /** @returns `count` prompts; none of an empty pool */
  take(count: number): Prompt[] {
    return this.pool.length === 0 ? [] : Array.from({ length: count }, () => this.next());
  }

  private next(): Prompt {
    const { pool, seed, name } = this;
    const pass = Math.floor(this.taken / pool.length);
    if (pass !== this.pass) {
      this.order = new Random(seed, 'prompts', name, pass).shuffle([...pool]);
      this.pass = pass;
    }
    return this.order[this.taken++ % pool.length];
  }
}
