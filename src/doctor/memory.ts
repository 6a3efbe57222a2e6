/**
 * What memory a training run takes, estimated before anything is loaded. docs/gpus.md has the formulas and how far off
 * they were.
 *
 * An estimate is for the longest rows and answers that a run may have: an upper end, not a mean.
 */

/** What of a model decides, all of it known without its weights. */
export interface ModelShape {
  readonly layers: number;
  readonly width: number;
  /** Inner width of the feed-forward block. */
  readonly ffn: number;
  readonly heads: number;
  /** Numbers that one token's keys have in a layer; its values have as many. */
  readonly keys: number;
  readonly vocabulary: number;
  /** Numbers of all weights. */
  readonly parameters: number;
  /** Bytes of the weights as they lie in a quantised file; absent: they are brought to float32. */
  readonly stored?: number;
  /** Numbers that losses multiply with in 8 bits (`load_in_8bit`), beside the weights. */
  readonly rounded?: number;
  /** Numbers of the largest matrix of a layer. */
  readonly largest: number;
}

/** What of a run decides. */
export interface RunShape {
  readonly engine: 'onnx' | 'torch';
  /** Bytes of a number where PyTorch computes: 4 on the CPU, 2 on a GPU. */
  readonly bytes: 2 | 4;
  /** Numbers of the adapter; absent: all weights are trained. */
  readonly adapter?: number;
  /** Rows of one pass, and tokens of the longest; pairs count as two rows. */
  readonly rows: number;
  readonly longest: number;
  readonly checkpointing: boolean | 'auto';
  /** What is asked of the model while it trains; absent: nothing, there is no conscience. */
  readonly asked?: {
    /** Answers that are written at once, and tokens of the longest with its prompt. */
    readonly answers: number;
    readonly tokens: number;
    /** In a thread of its own, with a model of its own. */
    readonly beside: boolean;
    /** From a policy that is further from the base than it was trained. */
    readonly amplified: boolean;
  };
}

/** One part of the need, in bytes. */
export interface MemoryPart {
  readonly what: string;
  readonly bytes: number;
  /** Whether it lies in the memory of the device that computes, where that is a GPU. */
  readonly onDevice: boolean;
}

/** Node with onnxruntime and the code, and what a tokenizer takes for each of its tokens; measured. */
const [NODE, TOKENIZER] = [0.13e9, 700];
/** Share of all else that allocators and compiled graphs take beside it; measured. */
const RESERVE = 0.25;
/** Python with PyTorch, transformers and peft, measured alike. */
const PYTHON = 0.45e9;
/** Activations over this size are recomputed, unless the configuration says otherwise (engine: onnx). */
const MOST_ACTIVATIONS = 1e9;
/** Targets whose logits exist at one time, and how many arrays of them. */
const [HEAD_TARGETS, HEAD_ARRAYS] = [256, 4];
/** Tokens of a micro-batch of the worker; the bytes of a chunk of its logits, and how many of them. */
const [TOKEN_BUDGET, CHUNK_BYTES, CHUNK_ARRAYS] = [8192, 134e6, 4];
/** Most memory of keys and values, and most tokens of prompts read at once (engine: onnx). */
const [MOST_CACHE, PROMPT_TOKENS] = [2e9, 4096];

/** The parts of what a run needs. */
export function memoryOf(model: ModelShape, run: RunShape): MemoryPart[] {
  const node = {
    what: 'Node and the tokenizer',
    bytes: NODE + TOKENIZER * model.vocabulary,
    onDevice: false,
  };
  const parts = [node, ...(run.engine === 'onnx' ? onnxMemory(model, run) : torchMemory(model, run))];
  return [...parts, ...reserves(parts)];
}

/** For the host and the device, where there is something on it. */
function reserves(parts: readonly MemoryPart[]): MemoryPart[] {
  const share = Math.round(100 * RESERVE);
  return [false, true].flatMap((onDevice) => {
    const bytes = RESERVE * totalOf(parts.filter((part) => part.onDevice === onDevice));
    return bytes > 0
      ? [{ what: `reserve, ${share} %${onDevice ? ' of the device’s' : ''}`, bytes, onDevice }]
      : [];
  });
}

/** Their sum. */
export const totalOf = (parts: readonly MemoryPart[]): number =>
  parts.reduce((sum, { bytes }) => sum + bytes, 0);

function onnxMemory(model: ModelShape, run: RunShape): MemoryPart[] {
  const { parameters, stored, rounded, largest, vocabulary, layers, keys } = model;
  const { adapter, asked } = run;
  const part = (what: string, bytes: number) => ({ what, bytes, onDevice: false });
  const weights =
    stored === undefined
      ? part('weights, float32', 4 * parameters)
      : // two matrices and their products are in float32 at one time
        part('weights, quantised, and two matrices in float32', stored + 8 * largest);
  const parts = [weights];
  if (rounded !== undefined) parts.push(part('linear layers in 8 bits', rounded));
  if (adapter === undefined) parts.push(part('trained copy, gradients (2) and moments (2)', 20 * parameters));
  else parts.push(part('adapter, gradients (2) and moments (2)', 20 * adapter));
  const full = activations(model, run.rows * run.longest, run.longest, 4);
  const recomputed = run.checkpointing === 'auto' ? full > MOST_ACTIVATIONS : run.checkpointing;
  parts.push(
    recomputed
      ? part('activations of a step, recomputed', kept(model, run.rows * run.longest, run.longest, 4))
      : part('activations of a step', full),
    part('logits of a step', 4 * HEAD_ARRAYS * vocabulary * Math.min(HEAD_TARGETS, run.rows * run.longest)),
  );
  if (!asked) return parts;
  const cell = 8 * layers * keys;
  parts.push(
    part('keys and values of answers', Math.min(MOST_CACHE, asked.answers * asked.tokens * cell)),
    part(
      'reading prompts',
      layer(model, Math.min(PROMPT_TOKENS, asked.answers * asked.tokens), asked.tokens, 4),
    ),
    part('logits of answers', 12 * vocabulary * asked.answers),
  );
  if (stored !== undefined) parts.push(part('the copy that answers, quantised', stored));
  if (asked.amplified && adapter === undefined) parts.push(part('an amplified copy', 4 * parameters));
  if (asked.beside) parts.push(part('the model again, for reviews beside training', weights.bytes));
  return parts;
}

function torchMemory(model: ModelShape, run: RunShape): MemoryPart[] {
  const { parameters, vocabulary, layers, keys } = model;
  const { adapter, asked, bytes, rows, longest } = run;
  const part = (what: string, size: number) => ({ what, bytes: size, onDevice: true });
  const tokens = Math.max(longest, Math.min(TOKEN_BUDGET, rows * longest));
  const trained = adapter ?? parameters;
  const chunk = Math.min(CHUNK_BYTES, 4 * vocabulary * tokens);
  const parts = [
    { what: 'Python and PyTorch', bytes: PYTHON, onDevice: false },
    part(`weights, ${bytes === 2 ? 'bfloat16' : 'float32'}`, bytes * parameters),
    part(
      adapter === undefined
        ? 'trained copy, gradient and moments, float32'
        : 'adapter, gradient and moments, float32',
      20 * trained,
    ),
    run.checkpointing === true
      ? part('activations of a micro-batch, recomputed', kept(model, tokens, longest, bytes))
      : part('activations of a micro-batch', activations(model, tokens, longest, bytes)),
    part('logits of a chunk', CHUNK_ARRAYS * chunk),
  ];
  if (!asked) return parts;
  const read = Math.min(4 * TOKEN_BUDGET, asked.answers * asked.tokens);
  return [
    ...parts,
    part('keys and values of answers', 2 * bytes * layers * keys * read),
    part('logits of answers', 12 * vocabulary * asked.answers),
  ];
}

/** One layer's activations: about 16 widths, 4 inner widths and the attention. */
function layer({ width, ffn, heads }: ModelShape, tokens: number, longest: number, bytes: number): number {
  return bytes * tokens * (16 * width + 4 * ffn + 2 * heads * longest);
}

/** All layers' activations, as they wait for the backward pass. */
function activations(model: ModelShape, tokens: number, longest: number, bytes: number): number {
  return model.layers * layer(model, tokens, longest, bytes);
}

/** What waits where activations are recomputed: each layer's input, and one layer. */
function kept(model: ModelShape, tokens: number, longest: number, bytes: number): number {
  return bytes * tokens * model.layers * model.width + layer(model, tokens, longest, bytes);
}
