/** One copy of the model that writes, with a running batch that all of its calls share. */

import { PromptWriter, type PromptWriterOptions } from '../prompt-writer.js';
import type { Batcher } from './batcher.js';

export class BatchWriter extends PromptWriter {
  /** @param batcher runs on the copy's weights */
  constructor(
    options: Omit<PromptWriterOptions, 'answerer'>,
    private readonly batcher: Batcher,
  ) {
    super({ ...options, answerer: batcher });
  }

  get idle(): boolean {
    return this.batcher.idle;
  }

  /** Rejects all calls, now and later. */
  close(error: Error): Promise<void> {
    return this.batcher.close(error);
  }
}
