/** The same messages as JSON: for servers that take no protobuf, and for what has no protobuf form. */
import type { Datum, PassRequest, PassResult, SampleResult } from './wire.js';

/** The body of `forward` or `forward_backward`. */
export function passJson({ modelId, seqId, data, forwardOnly, lossConfig }: PassRequest): object {
  const input = {
    data: data.map(datumJson),
    loss_fn: 'cross_entropy',
    ...(Object.keys(lossConfig).length > 0 ? { loss_fn_config: lossConfig } : {}),
  };
  return {
    model_id: modelId,
    seq_id: seqId,
    [forwardOnly ? 'forward_input' : 'forward_backward_input']: input,
  };
}

function datumJson({ tokens, targets, weights }: Datum): object {
  const tensor = (data: ArrayLike<number>, dtype: string) => ({
    data: Array.from(data),
    dtype,
    shape: [data.length],
  });
  return {
    model_input: promptJson(Array.from(tokens)),
    loss_fn_inputs: { target_tokens: tensor(targets, 'int64'), weights: tensor(weights, 'float32') },
  };
}

/** Token ids as the input of a model. */
export const promptJson = (tokens: readonly number[]): object => ({
  chunks: [{ type: 'encoded_text', tokens }],
});

/** @throws Error when it is no result of a pass */
export function passOf(value: unknown): PassResult {
  const { loss_fn_outputs: outputs, metrics } = objectOf(value, 'a result');
  return {
    outputs: arrayOf(outputs, 'loss_fn_outputs').map(
      (output) =>
        new Map(
          Object.entries(objectOf(output, 'an output')).map(([name, tensor]) => [name, floatsOf(tensor)]),
        ),
    ),
    metrics: metricsOf(metrics),
  };
}

/** @throws Error when it is no answer to a request for samples */
export function sampleOf(value: unknown): SampleResult {
  const { sequences, prompt_logprobs: prompt, target_prompt_logprobs: targets } = objectOf(value, 'a result');
  return {
    sequences: arrayOf(sequences, 'sequences').map((sequence) => {
      const { tokens, stop_reason: reason } = objectOf(sequence, 'a sequence');
      return {
        tokens: Int32Array.from(arrayOf(tokens, 'tokens') as number[]),
        stopReason: reason === 'stop' ? 'stop' : 'length',
      };
    }),
    ...(prompt == null ? {} : { promptLogprobs: numbersOf(arrayOf(prompt, 'prompt_logprobs')) }),
    ...(targets == null ? {} : { targetLogprobs: floatsOf(targets) }),
  };
}

/** Numbers by name; what is none, as JSON has no NaN, is NaN. */
export function metricsOf(value: unknown): Record<string, number> {
  if (value == null) return {};
  const entries = Object.entries(objectOf(value, 'metrics'));
  return Object.fromEntries(entries.map(([name, x]) => [name, typeof x === 'number' ? x : Number.NaN]));
}

/** JSON as Python writes it, which has NaN and Infinity. @throws SyntaxError */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const strict = text.replace(/(?<=[[:,\s])-?(?:NaN|Infinity)(?=[\],}\s])/g, 'null');
    if (strict === text) throw error;
    return JSON.parse(strict);
  }
}

const floatsOf = (tensor: unknown): Float32Array => {
  const { data } = objectOf(tensor, 'an array');
  return numbersOf(arrayOf(data, 'data').flat(Number.POSITIVE_INFINITY));
};

const numbersOf = (values: readonly unknown[]): Float32Array =>
  Float32Array.from(values, (x) => (typeof x === 'number' ? x : Number.NaN));

export function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as never;
  throw new Error(`${what} is no object`);
}

function arrayOf(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${what} is no list`);
}
