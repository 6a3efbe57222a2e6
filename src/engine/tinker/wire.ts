/** What goes over the wire, as plain values: rows of a pass, its results, samples. How they are encoded is in protobuf.ts and json.ts. */

/** One row of a forward pass: what is read, and what each place is to predict. */
export interface Datum {
  /** Token ids that are read, int32 [T]. */
  readonly tokens: Int32Array;
  /** The token after each of them, int32 [T]. */
  readonly targets: Int32Array;
  /** Weight w of each target in the loss Σ w·(−log p), float32 [T]; may be negative. */
  readonly weights: Float32Array;
}

/** A request for a forward pass, or a forward and backward pass, under the loss `cross_entropy`. */
export interface PassRequest {
  readonly modelId: string;
  readonly seqId: number;
  readonly data: readonly Datum[];
  readonly forwardOnly: boolean;
  /** Numbers that the loss is given beside the rows. */
  readonly lossConfig: Readonly<Record<string, number>>;
}

/** What a pass says of one row; arrays are float32 [T]. */
export type DatumOutput = ReadonlyMap<string, Float32Array>;

/** The result of a pass. */
export interface PassResult {
  /** By name: `logprobs`, and what else the server gives. */
  readonly outputs: readonly DatumOutput[];
  readonly metrics: Readonly<Record<string, number>>;
}

/** One sampled sequence. */
export interface SampledSequence {
  readonly tokens: Int32Array;
  readonly stopReason: 'stop' | 'length';
}

/** The answer to a request for samples. */
export interface SampleResult {
  readonly sequences: readonly SampledSequence[];
  /** Log-probability of each token of the prompt, NaN for the first; absent where it was not asked for or is not given. */
  readonly promptLogprobs?: Float32Array;
  /** Log-probabilities of the tokens that were asked for, float32 [prompt − 1, K], row by row. */
  readonly targetLogprobs?: Float32Array;
}
