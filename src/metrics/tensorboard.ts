/**
 * TensorBoard events: the protobuf messages `Event` and `Summary`, scalars only.
 *
 * Field numbers are those of tensorboard/compat/proto/{event,summary}.proto.
 */
import { PbfReader, PbfWriter } from 'pbf';

/** One event: scalars at a step, or the version line that opens a file. */
export interface ScalarEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  fileVersion?: string;
  scalars: Record<string, number>;
}

/** Serialises an event. Values are stored as float32. */
export function encodeEvent({ wallTime, step, fileVersion, scalars }: ScalarEvent): Uint8Array {
  const event = new PbfWriter();
  event.writeDoubleField(1, wallTime);
  if (step !== 0) event.writeVarintField(2, step);
  if (fileVersion !== undefined) event.writeStringField(3, fileVersion);
  const entries = Object.entries(scalars);
  if (entries.length > 0) event.writeMessage(5, writeSummary, entries);
  return event.finish();
}

/** Parses an event; fields other than ours are skipped. */
export function decodeEvent(data: Uint8Array): ScalarEvent {
  return new PbfReader(data).readFields(readEvent, { wallTime: 0, step: 0, scalars: {} } as ScalarEvent);
}

function writeSummary(entries: [string, number][], summary: PbfWriter): void {
  for (const entry of entries) summary.writeMessage(1, writeValue, entry);
}

function writeValue([tag, value]: [string, number], message: PbfWriter): void {
  message.writeStringField(1, tag);
  message.writeFloatField(2, value);
}

function readEvent(field: number, event: ScalarEvent, message: PbfReader): void {
  if (field === 1) event.wallTime = message.readDouble();
  else if (field === 2) event.step = message.readVarint();
  else if (field === 3) event.fileVersion = message.readString();
  else if (field === 5) message.readMessage(readSummary, event.scalars);
}

function readSummary(field: number, scalars: Record<string, number>, message: PbfReader): void {
  if (field !== 1) return;
  const { tag, value } = message.readMessage(readValue, { tag: '', value: 0 });
  scalars[tag] = value;
}

function readValue(field: number, entry: { tag: string; value: number }, message: PbfReader): void {
  if (field === 1) entry.tag = message.readString();
  else if (field === 2) entry.value = message.readFloat();
}
