/**
 * An ONNX graph under construction.
 *
 * Nodes are appended by the operator functions in `ops.ts`, which take and return
 * `Value`s and infer shapes at once, so that a mistake is reported where it is made.
 * Beside the nodes the graph keeps a tape for differentiation: what was computed, in
 * order, where a composite (a group of nodes with its own gradient) is one entry.
 */
import { ShapeError } from '../errors.js';
import type { Operator } from './ops.js';
import { type Shape, sameShape } from './shape.js';

/** `uint4` only as a stored constant: two in a byte, the lower nibble first. */
export type DType = 'float32' | 'float64' | 'int64' | 'bool' | 'uint8' | 'int8' | 'uint4';
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** A tensor in the graph: an input, a constant, or the output of a node. */
export class Value {
  constructor(
    readonly graph: Graph,
    readonly name: string,
    readonly dtype: DType,
    readonly shape: Shape,
  ) {}
  toString(): string {
    return `${this.name}: ${this.dtype}[${this.shape}]`;
  }
}

/** One ONNX operator call. */
export interface Node {
  readonly kind: 'node';
  readonly op: Operator;
  readonly domain: '' | 'com.microsoft';
  readonly name: string;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/**
 * A group of nodes that is differentiated as one.
 * `backward` receives the gradients of the outputs (null where none arrived) and returns
 * those of the inputs (null where there is none).
 */
export interface Composite {
  readonly kind: 'composite';
  readonly name: string;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly backward: (outputGrads: readonly (Value | null)[]) => (Value | null)[];
}

export type TapeEntry = Node | Composite;

export interface Constant {
  readonly value: Value;
  readonly data: Float32Array | Float64Array | BigInt64Array | Uint8Array;
}

/** A constant tensor in a file beside the graph; it is read, or mapped, when the graph is compiled. */
export interface Stored {
  readonly value: Value;
  /** Name of the file, in the folder that the compiler is told. */
  readonly file: string;
  /** Place of its first byte. */
  readonly at: number;
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: { name: string; value: Value }[] = [];
  readonly constants: Constant[] = [];
  readonly stored: Stored[] = [];
  private currentTape: TapeEntry[] = [];
  private readonly names = new Map<string, number>();
  private readonly scopes: string[] = [];
  private readonly constantCache = new Map<string, Value>();
  private readonly dimCache = new Map<string, Value>();
  private readonly vectorCache = new Map<string, Value>();

  /**
   * @param fused  use ONNX Runtime's contributed float32 kernels. Without them every
   *               operator is a plain one that also runs in float64: the reference.
   */
  constructor(
    readonly name: string,
    readonly fused = true,
  ) {}

  /** The floating type of this graph: float32 when fused, float64 for the reference. */
  get float(): 'float32' | 'float64' {
    return this.fused ? 'float32' : 'float64';
  }

  get tape(): readonly TapeEntry[] {
    return this.currentTape;
  }

  input(name: string, dtype: DType, shape: Shape): Value {
    if (this.names.has(name)) throw new ShapeError({ where: this.name, what: `two inputs named '${name}'` });
    const value = new Value(this, this.unique(name), dtype, shape);
    this.inputs.push(value);
    return value;
  }

  /** Names a value as an output of the graph. */
  output(name: string, value: Value): void {
    this.outputs.push({ name, value });
  }

  /** A constant tensor; equal constants are one. Use for small values only. */
  constant(data: readonly number[] | number, dtype: DType = this.float, shape?: Shape): Value {
    const list = typeof data === 'number' ? [data] : data;
    const dims = shape ?? (typeof data === 'number' ? [] : [list.length]);
    const key = `${dtype}[${dims}]${list.join(',')}`;
    const known = this.constantCache.get(key);
    if (known) return known;
    const value = new Value(this, this.unique('const'), dtype, dims);
    const typed =
      dtype === 'float32'
        ? Float32Array.from(list)
        : dtype === 'float64'
          ? Float64Array.from(list)
          : dtype === 'int64'
            ? BigInt64Array.from(list, BigInt)
            : Uint8Array.from(list);
    this.constants.push({ value, data: typed });
    this.constantCache.set(key, value);
    return value;
  }

  /** A constant tensor that lies in a file. Its name must be new. */
  fromFile(name: string, dtype: DType, shape: readonly number[], file: string, at: number): Value {
    const value = new Value(this, this.unique(name), dtype, shape);
    this.stored.push({ value, file, at });
    return value;
  }

  /**
   * Appends a node. Operator functions call this; they infer the output types.
   * An unnamed output is one that the node need not compute.
   */
  node(
    op: Operator,
    inputs: readonly (Value | null)[],
    outputs: readonly { dtype: DType; shape: Shape; unnamed?: true }[],
    attributes: Record<string, Attribute> = {},
    domain: Node['domain'] = '',
  ): Value[] {
    const name = this.unique([...this.scopes, op].join('/'));
    const values = outputs.map(
      ({ dtype, shape, unnamed }, i) =>
        new Value(this, unnamed ? '' : i === 0 ? name : `${name}:${i}`, dtype, shape),
    );
    const node: Node = { kind: 'node', op, domain, name, inputs, outputs: values, attributes };
    this.nodes.push(node);
    this.currentTape.push(node);
    return values;
  }

  /** Names the nodes that `build` makes after `name`, for messages and profiles. */
  scope<T>(name: string, build: () => T): T {
    this.scopes.push(name);
    try {
      return build();
    } finally {
      this.scopes.pop();
    }
  }

  /** Runs `build` with a tape of its own, and returns what it recorded. */
  record<T>(build: () => T): { result: T; tape: readonly TapeEntry[] } {
    const outer = this.currentTape;
    this.currentTape = [];
    try {
      const result = build();
      return { result, tape: this.currentTape };
    } finally {
      this.currentTape = outer;
    }
  }

  /**
   * Puts nodes on the tape as one entry with a hand-written gradient.
   * @param inputs what `backward` answers for; or a function of the nodes' tape that names them
   */
  composite(
    name: string,
    inputs: readonly Value[] | ((tape: readonly TapeEntry[]) => readonly Value[]),
    build: () => { outputs: readonly Value[]; backward: Composite['backward'] },
  ): readonly Value[] {
    const { result, tape } = this.record(() => this.scope(name, build));
    const backward: Composite['backward'] = (grads) =>
      this.scope(`${name}_grad`, () => result.backward(grads));
    const named = typeof inputs === 'function' ? inputs(tape) : inputs;
    this.currentTape.push({ kind: 'composite', name, inputs: named, outputs: result.outputs, backward });
    return result.outputs;
  }

  /**
   * The value that an ONNX `Reshape` takes for `shape`: a constant where at most one
   * dimension is unknown, else computed from the inputs that carry the names.
   */
  shapeVector(shape: Shape, from: Shape): Value {
    const unknown = shape.filter((dim) => typeof dim === 'string');
    if (unknown.length <= 1) {
      return this.constant(
        shape.map((dim) => (typeof dim === 'number' ? dim : -1)),
        'int64',
      );
    }
    // 0 copies the dimension at the same place of the input, -1 is inferred, once
    let inferred = false;
    const entries = shape.map((dim, axis) => {
      if (typeof dim === 'number') return dim;
      if (from[axis] === dim) return 0;
      if (!inferred && !this.hasDim(dim)) {
        inferred = true;
        return -1;
      }
      return dim;
    });
    if (!inferred) {
      const last = entries.findLastIndex((entry) => typeof entry === 'string');
      if (last >= 0) entries[last] = -1;
    }
    if (entries.every((entry) => typeof entry === 'number'))
      return this.constant(entries as number[], 'int64');
    const known = this.vectorCache.get(entries.join());
    if (known) return known;
    const parts = entries.map((entry) =>
      typeof entry === 'number' ? this.constant([entry], 'int64') : this.dim(entry),
    );
    const [vector] = this.node('Concat', parts, [{ dtype: 'int64', shape: [shape.length] }], { axis: 0 });
    this.vectorCache.set(entries.join(), vector);
    return vector;
  }

  /** The run-time size `name`, int64 [1], read off the first input that has it, or multiplied from such. */
  dim(name: string): Value {
    const known = this.dimCache.get(name);
    if (known) return known;
    if (name.includes('*')) {
      const factors = name
        .split('*')
        .map((factor) =>
          /^\d+$/.test(factor) ? this.constant([Number(factor)], 'int64') : this.dim(factor),
        );
      const size = factors.reduce((a, b) => this.node('Mul', [a, b], [{ dtype: 'int64', shape: [1] }])[0]);
      this.dimCache.set(name, size);
      return size;
    }
    for (const input of this.inputs) {
      const axis = input.shape.indexOf(name);
      if (axis < 0) continue;
      const [size] = this.node('Shape', [input], [{ dtype: 'int64', shape: [1] }], {
        start: axis,
        end: axis + 1,
      });
      this.dimCache.set(name, size);
      return size;
    }
    throw new ShapeError({ where: this.name, what: `no input has a dimension named '${name}'` });
  }

  private hasDim(name: string): boolean {
    return this.inputs.some((input) => input.shape.includes(name));
  }

  private unique(name: string): string {
    const count = this.names.get(name) ?? 0;
    this.names.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }
}

/** @throws ShapeError unless both values have the same shape */
export function requireSameShape(a: Value, b: Value, where: string): void {
  if (!sameShape(a.shape, b.shape)) {
    throw new ShapeError({ where, what: `shapes differ: ${a.name} [${a.shape}] and ${b.name} [${b.shape}]` });
  }
}
