/**
 * Graphs compiled and run by onnxruntime-node: the only file that imports it.
 *
 * A program is a session for one graph. Tensors go in and out as typed arrays with a
 * shape; an output may be written into an array that the caller owns.
 */
import { InferenceSession, listSupportedBackends, Tensor as OrtTensor } from 'onnxruntime-node';
import { ConfigError, ShapeError } from '../../errors.js';
import { type DType, Graph } from '../../graph/graph.js';
import { neg } from '../../graph/ops.js';
import { serialize } from '../../graph/protobuf.js';

export type TypedArray = Float32Array | Float64Array | BigInt64Array | Uint8Array | Int8Array;

/** A tensor outside a graph: row-major elements and their shape. */
export interface NdArray {
  readonly data: TypedArray;
  readonly dims: readonly number[];
}

export type Feeds = Readonly<Record<string, NdArray>>;
export type Device = 'cpu' | 'webgpu';

export interface RuntimeOptions {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads inside one operator. Default: onnxruntime's, the physical cores. */
  readonly threads?: number;
  /**
   * Whether idle threads wait for work in a loop, which keeps their cores from other processes for a
   * millisecond after every operator. Default false: they sleep (docs/log has what that costs and saves).
   */
  readonly spinning?: boolean;
}

const arrayOf: Record<DType, new (length: number) => TypedArray> = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint4: Uint8Array,
};

/** A graph that can be run. */
export class Program {
  private constructor(
    readonly graph: Graph,
    private readonly session: InferenceSession,
  ) {}

  /**
   * @param folder of the files that hold the graph's stored constants
   * @throws ConfigError when the device does not exist on this machine
   */
  static async compile(graph: Graph, options: RuntimeOptions = {}, folder?: string): Promise<Program> {
    const { device = 'cpu', threads, spinning = false } = options;
    requireDevice(device);
    try {
      const session = await InferenceSession.create(serialize(graph), {
        executionProviders: [device],
        // beyond `basic` come fusions into float32-only kernels
        graphOptimizationLevel: graph.fused ? 'all' : 'basic',
        // patterns of a first run do not fit the next shapes, and keep memory
        enableMemPattern: false,
        logSeverityLevel: 3,
        // onnxruntime's keys, a level for each part of the name: one that it does not know is passed over in silence
        extra: {
          session: {
            intra_op: { allow_spinning: spinning ? '1' : '0' },
            ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
          },
        },
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      });
      return new Program(graph, session);
    } catch (cause) {
      if (device === 'cpu') throw cause;
      throw new ConfigError(
        {
          where: 'device',
          // after the path and the condition in onnxruntime's source comes what it has to say
          what: `${device} could not start: ${String((cause as Error).message)
            .split('\n')[0]
            .replace(/^.* was false\. /, '')}`,
          next: 'use device: cpu, or install a driver for this device',
        },
        { cause },
      );
    }
  }

  /**
   * @param feeds   every input of the graph, by name
   * @param into    arrays that receive outputs, by name; they must have the output's size
   * @param fetches the outputs wanted; default all
   */
  async run(feeds: Feeds, into: Feeds = {}, fetches?: readonly string[]): Promise<Record<string, NdArray>> {
    const inputs: Record<string, OrtTensor> = {};
    for (const { name, dtype } of this.graph.inputs) {
      const feed = feeds[name];
      if (!feed) throw new ShapeError({ where: this.graph.name, what: `input '${name}' is missing` });
      inputs[name] = toTensor(name, dtype, feed);
    }
    const wanted: Record<string, OrtTensor | null> = {};
    for (const { name, value } of this.graph.outputs) {
      if (fetches && !fetches.includes(name)) continue;
      wanted[name] = into[name] ? toTensor(name, value.dtype, into[name]) : null;
    }
    const outputs = await this.session.run(inputs, wanted);
    const result: Record<string, NdArray> = {};
    for (const name of Object.keys(wanted)) {
      const { data, dims } = outputs[name];
      result[name] = into[name] ?? { data: data as TypedArray, dims };
    }
    return result;
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

/**
 * Starts a device on a graph of one node, before anything depends on it.
 *
 * @throws ConfigError when the device does not exist on this machine
 */
export async function tryDevice(device: Device): Promise<void> {
  const graph = new Graph('device');
  graph.output('y', neg(graph.input('x', 'float32', [1])));
  await (await Program.compile(graph, { device })).release();
}

/** Tensors of arrays that come again at every run: the parameters. */
const tensors = new WeakMap<NdArray, OrtTensor>();

function toTensor(name: string, dtype: DType, array: NdArray): OrtTensor {
  const known = tensors.get(array);
  if (known) return known;
  const { data, dims } = array;
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (size !== data.length || !(data instanceof arrayOf[dtype])) {
    throw new ShapeError({
      where: name,
      what: 'array does not fit its shape or dtype',
      expected: `${dtype}[${dims}] = ${size} elements`,
      got: `${data.constructor.name} of ${data.length}`,
    });
  }
  // onnxruntime's types do not know a bool tensor's bytes
  const tensor = new OrtTensor(dtype as 'float32', data as Float32Array, dims);
  tensors.set(array, tensor);
  return tensor;
}

function requireDevice(device: Device): void {
  const known = listSupportedBackends().map(({ name }) => name);
  if (known.includes(device)) return;
  throw new ConfigError({
    where: 'device',
    what: `this build of onnxruntime has no ${device}`,
    expected: known.join(' or '),
    next: 'use device: cpu',
  });
}

export const scalarArray = (value: number): NdArray => ({ data: Float32Array.of(value), dims: [] });
export const int64Array = (values: ArrayLike<number>, dims?: readonly number[]): NdArray => {
  const data = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) data[i] = BigInt(values[i]);
  return { data, dims: dims ?? [values.length] };
};
