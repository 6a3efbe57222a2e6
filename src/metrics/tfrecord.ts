/**
 * TFRecord, the framing of TensorBoard's event files: length, its checksum, data, its
 * checksum, all little-endian. The checksum is a CRC-32C (Castagnoli), masked so that a
 * checksum of data that holds checksums stays sound.
 * https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 */

/** Bytes around the data of a record. */
const HEADER = 12;
const FOOTER = 4;

/** Frames one record. */
export function frame(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + data.length + FOOTER);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, HEADER);
  view.setUint32(HEADER + data.length, maskedCrc(data), true);
  return bytes;
}

/** The whole records at the start of `bytes`, each with the offset at which it ends. Stops at a cut or damaged one. */
export function* unframe(bytes: Uint8Array): Generator<{ data: Uint8Array; end: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start + HEADER + FOOTER <= bytes.length; ) {
    if (view.getUint32(start + 8, true) !== maskedCrc(bytes.subarray(start, start + 8))) return;
    const dataEnd = start + HEADER + Number(view.getBigUint64(start, true));
    if (dataEnd + FOOTER > bytes.length) return;
    const data = bytes.subarray(start + HEADER, dataEnd);
    if (view.getUint32(dataEnd, true) !== maskedCrc(data)) return;
    start = dataEnd + FOOTER;
    yield { data, end: start };
  }
}

/** CRC-32C of `data`, an unsigned 32-bit number. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
