/** The evaluated model, as every measurement is told it. */

import type { Progress } from '../metrics/progress.js';
import type { OpenModel } from '../open/model.js';
import type { Quantize } from '../values/quantize.js';

/** What every measurement of a model is given. */
export interface SubjectOptions {
  /** Folder, .gguf file, alias or Hugging Face id. */
  readonly model: string;
  readonly adapter?: string;
  /** See `OpenOptions`. */
  readonly quantize?: Quantize;
  /** Folder of the results. */
  readonly output: string;
  /** Start again in a folder that holds other results. */
  readonly overwrite?: boolean;
  /** 0: one per core. */
  readonly threads: number;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Opens the model for the work, and closes it. */
export async function withSubject<T>(
  { model, adapter, quantize, threads }: Pick<SubjectOptions, 'model' | 'adapter' | 'quantize' | 'threads'>,
  work: (subject: OpenModel) => Promise<T>,
): Promise<T> {
  // the command line reads the kinds of measurement for --help, which should not wait for onnxruntime
  const { openModel } = await import('../open/model.js');
  const subject = await openModel(model, { threads, adapter, quantize });
  try {
    return await work(subject);
  } finally {
    await subject.close();
  }
}
