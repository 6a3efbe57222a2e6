/** The double's side of the protobuf messages: requests are read, results written. */
import { PbfReader, PbfWriter } from 'pbf';
import type { GivenDatum, GivenPass, PassOutputs } from './tinker-double.js';

export function readPass(bytes: Uint8Array): GivenPass {
  const pass = { modelId: '', seqId: 0, data: [] as GivenDatum[], forwardOnly: false, detailed: false };
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) pass.modelId = pbf.readString();
    if (tag === 2) pass.seqId = pbf.readVarint();
    if (tag === 3) pass.data.push(datumOf(pbf.readBytes()));
    if (tag === 5) pass.detailed = true;
    if (tag === 6) pass.forwardOnly = pbf.readBoolean();
  }, null);
  return pass;
}

function datumOf(bytes: Uint8Array): GivenDatum {
  let tokens: number[] = [];
  const inputs = new Map<string, number[]>();
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) tokens = Array.from(new Int32Array(aligned(nested(nested(pbf.readBytes(), 1), 1))));
    if (tag !== 2) return;
    const entry = pbf.readBytes();
    const name = new TextDecoder().decode(nested(entry, 1));
    inputs.set(name, numbersOf(nested(entry, 2)));
  }, null);
  return { tokens, targets: inputs.get('target_tokens')!, weights: inputs.get('weights')! };
}

/** The bytes of one field. */
function nested(bytes: Uint8Array, field: number): Uint8Array {
  let found = new Uint8Array(0);
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === field) found = Uint8Array.from(pbf.readBytes());
  }, null);
  return found;
}

function numbersOf(tensor: Uint8Array): number[] {
  let dtype = 0;
  new PbfReader(tensor).readFields((tag, _, pbf) => {
    if (tag === 3) dtype = pbf.readVarint();
  }, null);
  const dense = aligned(nested(tensor, 1));
  return dtype === 2 ? Array.from(new BigInt64Array(dense), Number) : Array.from(new Float32Array(dense));
}

export function writePass(outputs: PassOutputs): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeStringField(1, 'ArrayRecord');
  pbf.writeMessage(2, writeRecord, outputs);
  return pbf.finish();
}

function writeRecord(outputs: PassOutputs, pbf: PbfWriter): void {
  pbf.writeStringField(1, 'ArrayRecord');
  for (const name of Object.keys(outputs[0] ?? {})) {
    pbf.writeMessage(
      2,
      (_: null, entry: PbfWriter) => {
        entry.writeStringField(1, name);
        entry.writeMessage(
          2,
          writeBatched,
          outputs.map((output) => output[name]),
        );
      },
      null,
    );
  }
  pbf.writeVarintField(3, outputs.length);
}

function writeBatched(rows: readonly (readonly number[])[], pbf: PbfWriter): void {
  const ends = [0];
  for (const row of rows) ends.push(ends.at(-1)! + 4 * row.length);
  pbf.writeBytesField(1, bytesOf(Float32Array.from(rows.flat())));
  pbf.writeBytesField(2, bytesOf(BigInt64Array.from(ends, BigInt)));
  pbf.writeVarintField(3, 1);
}

export function writeSample({
  sequences,
  prompt_logprobs: prompt,
  target_prompt_logprobs: targets,
}: {
  readonly sequences: readonly { readonly tokens: readonly number[]; readonly stop_reason: string }[];
  readonly prompt_logprobs?: readonly (number | null)[];
  readonly target_prompt_logprobs?: { readonly data: readonly number[]; readonly shape: readonly number[] };
}): Uint8Array {
  const pbf = new PbfWriter();
  for (const { tokens, stop_reason: reason } of sequences) {
    pbf.writeMessage(
      1,
      (_: null, sequence: PbfWriter) => {
        // a field with the value 0 is left out, as protobuf's own encoders do
        if (reason === 'length') sequence.writeVarintField(1, 1);
        sequence.writeBytesField(2, bytesOf(Int32Array.from(tokens)));
      },
      null,
    );
  }
  if (prompt) pbf.writeBytesField(2, bytesOf(Float32Array.from(prompt, (x) => x ?? Number.NaN)));
  if (targets) {
    pbf.writeMessage(
      5,
      (_: null, tensor: PbfWriter) => {
        tensor.writeBytesField(1, bytesOf(Float32Array.from(targets.data)));
        tensor.writeVarintField(3, 1);
        tensor.writePackedVarint(4, [...targets.shape]);
      },
      null,
    );
  }
  return pbf.finish();
}

const aligned = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
