/**
 * What sets one decoder architecture apart from another: a row, read by everything that reads
 * model files or builds graphs.
 *
 * A row says what all models of the architecture share: names in files, norms, activation,
 * projections. What single models may choose (a window, a scale, a soft cap) is a `Variation`,
 * read from their configuration by the row. To add an architecture, write a row and list it in
 * index.ts.
 */
import type { Json } from '../../files/json-file.js';

/** The linear layers of a block, by their Hugging Face names; `qkv_proj` and `gate_up_proj` are several in one. */
export const allProjections = [
  'q_proj',
  'k_proj',
  'v_proj',
  'qkv_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'gate_up_proj',
  'down_proj',
] as const;
export type Projection = (typeof allProjections)[number];

/** A norm's tensor within a block, by its name in both formats. */
export interface NormName {
  /** `input_layernorm` */
  readonly huggingFace: string;
  /** `attn_norm` */
  readonly gguf: string;
}

/** Where a block has norms; each place may be empty. */
export interface BlockNorms {
  /** On what attention reads. */
  readonly beforeAttention?: NormName;
  /** On what attention adds to the residual stream. */
  readonly afterAttention?: NormName;
  /** On what the feed-forward part reads. */
  readonly beforeFeed?: NormName;
  /** On what the feed-forward part adds to the residual stream. */
  readonly afterFeed?: NormName;
}

/** What one model of an architecture may have of its own. An absent property changes nothing. */
export interface Variation {
  /** Layers that see only the last `size` tokens, the token itself included. */
  window?: { readonly size: number; readonly layers: readonly boolean[] };
  /** Base of the rotary embedding in the layers with a window, where it differs from `ropeTheta`. */
  localRopeTheta?: number;
  /** Factor on the products of queries and keys. Absent: 1/√headSize. */
  attentionScale?: number;
  /** Factor on embeddings. */
  embeddingScale?: number;
  /** Factor on what attention and feed-forward parts add to the residual stream. */
  residualScale?: number;
  /** Factor on logits, before their cap. */
  logitScale?: number;
  /** c in c·tanh(x/c), taken of attention scores. */
  attentionCap?: number;
  /** c in c·tanh(x/c), taken of logits. */
  logitCap?: number;
}

/** Sizes that a row may need to read or write a variation. */
export interface Shape {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
  readonly maxPositions: number;
}

/** A config.json that is being read. */
export interface HuggingFaceSource extends Shape {
  readonly json: Json;
  /** The file, for messages. */
  readonly where: string;
}

/** GGUF metadata that is being read; keys are without the architecture's prefix. */
export interface GgufSource extends Shape {
  /** The file, for messages. */
  readonly path: string;
  /** Reads a number; without a default the key must be there. */
  number(key: string, otherwise?: number): number;
  /** A number above 0; undefined where the key is missing or 0, which is how GGUF says "none". */
  positive(key: string): number | undefined;
  /** A list of truth values; undefined where the key is missing or no list. */
  flags(key: string): readonly boolean[] | undefined;
}

/** How an architecture is called and read in Hugging Face's config.json. */
export interface HuggingFaceRow {
  /** Entry of `architectures`. */
  readonly className: string;
  readonly modelType: string;
  /** Key of the activation's name. */
  readonly activationKey: 'hidden_act' | 'hidden_activation';
  /** What transformers assumes where config.json is silent. Heads absent: as many as `num_attention_heads`. */
  readonly defaults: {
    readonly maxPositions: number;
    readonly rmsEps: number;
    readonly ropeTheta: number;
    readonly tied: boolean;
    readonly kvHeads?: number;
    readonly headSize?: number;
    /** Trained length of a rotary scaling that does not name its own. */
    readonly originalMaxPositions?: number;
  };
  /** Keys that would change the computation in other architectures → values that change nothing here; `null` is always one. */
  readonly neutral: Readonly<Record<string, readonly unknown[]>>;
  /** Keys that `read` answers for, or that change nothing here whatever they hold. */
  readonly keys: readonly string[];
  /** @throws ModelError when a value cannot be built */
  readonly read?: (source: HuggingFaceSource) => Variation;
  /** config.json with its rotary embedding spelled as that of the other architectures. */
  readonly plainRope?: (json: Json, where: string) => Json;
  /** What `read` would read back. */
  readonly write?: (variation: Variation, shape: Shape) => Json;
}

/** A number in GGUF metadata, by the type that llama.cpp asks for. */
export type GgufNumber = { readonly u32: number } | { readonly f32: number };

/** How an architecture is called and read in GGUF files. */
export interface GgufRow {
  /** `general.architecture`, and prefix of the keys. */
  readonly name: string;
  /** Are the rows of q and k reordered for an interleaved rotary embedding? */
  readonly permuted: boolean;
  /** Do its converters leave out the type of a rotary scaling where they write the tensors of long rope? */
  readonly untypedLongRope?: boolean;
  /** Do control tokens of its SentencePiece vocabularies swallow the blanks after them? GGUF cannot say. */
  readonly controlStrips?: boolean;
  /** Keys that `read` answers for. */
  readonly keys: readonly string[];
  /** Tensors by their place in a block where they are called otherwise than usual, e.g. `mlp.gate_up_proj` → `ffn_up`. */
  readonly tensors: Readonly<Record<string, string>>;
  /** Does llama.cpp take rotary divisors as tensors, of which Llama 3's scaling and long rope are made? */
  readonly divisors?: boolean;
  readonly read?: (source: GgufSource) => Variation;
  /** Keys that `read` would read back. What they cannot say is found by reading them. */
  readonly write?: (variation: Variation, shape: Shape) => Readonly<Record<string, GgufNumber>>;
}

/** One row: a decoder with RMSNorm, rotary embedding, grouped causal attention and a gated feed-forward part. */
export interface Architecture {
  /** Short name, for messages. */
  readonly name: string;
  /** What a person calls these models. */
  readonly title: string;
  readonly huggingFace: HuggingFaceRow;
  /** Absent: its GGUF files carry another architecture's name. */
  readonly gguf?: GgufRow;
  /** The row that its GGUF files carry the name of, where `gguf` is absent. */
  readonly ggufAs?: GgufRow;
  /** The linear layers of a block, in the order of files. */
  readonly projections: readonly Projection[];
  /** Projections with a bias. */
  readonly biases: readonly Projection[];
  readonly norms: BlockNorms;
  /** May only a part of each head rotate (`partial_rotary_factor`)? */
  readonly partialRotary: boolean;
  /** Norms multiply with this plus their weight. */
  readonly normOffset: 0 | 1;
  /** Norms on queries and keys: none, of each head, or of all heads together. */
  readonly qkNorm: 'none' | 'head' | 'projection';
  /** f in f(gate)∘up. */
  readonly activation: 'silu' | 'gelu_tanh';
}
