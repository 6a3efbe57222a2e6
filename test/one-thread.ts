/**
 * Tests run beside each other, a file to a core: onnxruntime gets one thread where nobody asks for more.
 * Its threads spin while they wait, and those of two files would take the cores from each other.
 */
import type * as onnxruntime from 'onnxruntime-node';
import { vi } from 'vitest';

vi.mock('onnxruntime-node', async (importOriginal) => {
  const original = await importOriginal<typeof onnxruntime>();
  const { InferenceSession } = original;
  const create = (model: Uint8Array, options?: onnxruntime.InferenceSession.SessionOptions) =>
    InferenceSession.create(model, { intraOpNumThreads: 1, ...options });
  return { ...original, InferenceSession: { ...InferenceSession, create } };
});
