/**
 * Tinker's messages in protobuf (package `tinker_public`): requests of passes, their results, samples.
 *
 * Field numbers are those of the descriptor in the official SDK (tinker 0.38). Arrays are little-endian bytes.
 */
import { PbfReader, PbfWriter } from 'pbf';
import type { Datum, DatumOutput, PassRequest, PassResult, SampledSequence, SampleResult } from './wire.js';

const DTYPE = { float32: 1, int64: 2, int32: 3, bfloat16: 4 } as const;
const BYTES: Readonly<Record<number, number>> = {
  [DTYPE.float32]: 4,
  [DTYPE.int64]: 8,
  [DTYPE.int32]: 4,
  [DTYPE.bfloat16]: 2,
};

/** @returns the bytes of a ForwardBackwardRequest */
export function encodePass({ modelId, seqId, data, forwardOnly, lossConfig }: PassRequest): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeStringField(1, modelId);
  pbf.writeVarintField(2, seqId);
  for (const datum of data) pbf.writeMessage(3, writeDatum, datum);
  pbf.writeStringField(4, 'cross_entropy');
  for (const [key, value] of Object.entries(lossConfig)) {
    pbf.writeMessage(
      5,
      (_: null, entry: PbfWriter) => {
        entry.writeStringField(1, key);
        entry.writeDoubleField(2, value);
      },
      null,
    );
  }
  if (forwardOnly) pbf.writeBooleanField(6, true);
  return pbf.finish();
}

function writeDatum({ tokens, targets, weights }: Datum, pbf: PbfWriter): void {
  pbf.writeMessage(
    1,
    (_: null, chunk: PbfWriter) => {
      chunk.writeMessage(1, (__: null, text: PbfWriter) => text.writeBytesField(1, bytesOf(tokens)), null);
    },
    null,
  );
  writeInput('target_tokens', bytesOf(BigInt64Array.from(targets, BigInt)), DTYPE.int64, targets.length, pbf);
  writeInput('weights', bytesOf(weights), DTYPE.float32, weights.length, pbf);
}

function writeInput(name: string, bytes: Uint8Array, dtype: number, length: number, pbf: PbfWriter): void {
  pbf.writeMessage(
    2,
    (_: null, entry: PbfWriter) => {
      entry.writeStringField(1, name);
      entry.writeMessage(
        2,
        (__: null, tensor: PbfWriter) => {
          tensor.writeBytesField(1, bytes);
          tensor.writeVarintField(3, dtype);
          tensor.writePackedVarint(4, [length]);
        },
        null,
      );
    },
    null,
  );
}

/** @throws Error when the bytes are no ForwardBackwardOutput */
export function decodePass(bytes: Uint8Array): PassResult {
  const metrics: Record<string, number> = {};
  const outputs: Map<string, Float32Array>[] = [];
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 2) outputs.push(...recordOf(message(pbf)));
    if (tag === 3) {
      const entry = entryOf(message(pbf), (value) => value.readDouble());
      metrics[entry.key] = entry.value ?? 0;
    }
  }, null);
  return { outputs, metrics };
}

/** @throws Error when the bytes are no SampleResponse */
export function decodeSample(bytes: Uint8Array): SampleResult {
  const result: { -readonly [K in keyof SampleResult]: SampleResult[K] } & { sequences: SampledSequence[] } =
    {
      sequences: [],
    };
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) result.sequences.push(sequenceOf(message(pbf)));
    if (tag === 2) result.promptLogprobs = floatsOf(pbf.readBytes(), DTYPE.float32);
    if (tag === 5) result.targetLogprobs = tensorOf(message(pbf));
  }, null);
  return result;
}

function sequenceOf(bytes: Uint8Array): SampledSequence {
  let tokens = new Int32Array(0);
  let stopped = true;
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) stopped = pbf.readVarint() === 0;
    if (tag === 2) tokens = new Int32Array(aligned(pbf.readBytes()));
  }, null);
  return { tokens, stopReason: stopped ? 'stop' : 'length' };
}

/** A Tensor as float32; one that is sparse is not asked for and not read. */
function tensorOf(bytes: Uint8Array): Float32Array {
  let [data, dtype] = [new Uint8Array(0), DTYPE.float32 as number];
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) data = Uint8Array.from(pbf.readBytes());
    if (tag === 3) dtype = pbf.readVarint();
  }, null);
  return floatsOf(data, dtype);
}

/** The rows of an ArrayRecord. */
function recordOf(bytes: Uint8Array): Map<string, Float32Array>[] {
  const fields = new Map<string, Float32Array[]>();
  let count = 0;
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 2) {
      const { key, value } = entryOf(message(pbf), (tensor) => batchedOf(message(tensor)));
      fields.set(key, value ?? []);
    }
    if (tag === 3) count = pbf.readVarint();
  }, null);
  const rows = count || Math.max(0, ...[...fields.values()].map(({ length }) => length));
  return Array.from({ length: rows }, (_, i): Map<string, Float32Array> => {
    const own = [...fields].flatMap(([name, values]) => (values[i] ? [[name, values[i]] as const] : []));
    return new Map(own);
  }) satisfies DatumOutput[];
}

/** A BatchedTensor: offsets are bytes, one more than rows. */
function batchedOf(bytes: Uint8Array): Float32Array[] {
  let [data, offsets, dtype] = [new Uint8Array(0), new BigInt64Array(0), DTYPE.float32 as number];
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) data = Uint8Array.from(pbf.readBytes());
    if (tag === 2) offsets = new BigInt64Array(aligned(pbf.readBytes()));
    if (tag === 3) dtype = pbf.readVarint();
  }, null);
  const places = Array.from(offsets, Number);
  return places.slice(1).map((end, i) => floatsOf(data.subarray(places[i], end), dtype));
}

/** An entry of a map. */
function entryOf<T>(bytes: Uint8Array, read: (pbf: PbfReader) => T): { key: string; value?: T } {
  const entry: { key: string; value?: T } = { key: '' };
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) entry.key = pbf.readString();
    if (tag === 2) entry.value = read(pbf);
  }, null);
  return entry;
}

/** A message within a message, as its bytes. */
const message = (pbf: PbfReader): Uint8Array => pbf.readBytes();

function floatsOf(bytes: Uint8Array, dtype: number): Float32Array {
  const size = BYTES[dtype];
  if (size === undefined || bytes.length % size !== 0)
    throw new Error(`an array of dtype ${dtype} is broken`);
  const buffer = aligned(bytes);
  if (dtype === DTYPE.float32) return new Float32Array(buffer);
  if (dtype === DTYPE.int64) return Float32Array.from(new BigInt64Array(buffer), Number);
  if (dtype === DTYPE.int32) return Float32Array.from(new Int32Array(buffer));
  // bfloat16 is the upper half of a float32
  return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer);
}

/** A copy at an address that arrays of any size may begin at. */
const aligned = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
