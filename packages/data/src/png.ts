import { inflateSync } from "node:zlib";
import { decode } from "fast-png";
import { DataError } from "./data-error.ts";
import type { Image } from "./image.ts";

/**
 * Decodes a PNG. Palettes become colours, grey of 1, 2 or 4 bits is spread over 0…255, 16 bits stay, transparency is laid over
 * white. Only the chunks that make up the picture are decoded, and none unpacks to more than the picture needs.
 */
export function decodePng(bytes: Uint8Array, where: string, maximumBytes: number): Image {
  const chunks = chunksOf(bytes, where);
  const { width, height, depth, colour } = headerOf(chunks, where, maximumBytes);
  refuseBomb(chunks, height * (1 + Math.ceil((width * (SAMPLES[colour] ?? 1) * depth) / 8)), where);
  try {
    const kept = chunks.filter(({ type }) => PICTURE.has(type)).map(({ whole }) => whole);
    const png = decode(Buffer.concat([bytes.subarray(0, 8), ...kept]), { checkCrc: true });
    const data = depth < 8 ? unpackBits(png.data, width, height, depth) : png.data;
    if (png.palette) return overWhite(lookUp(data, png.palette, where), png.palette[0]?.length ?? 3, width, height, 8);
    if (png.transparency?.length)
      throw new DataError("UNSUPPORTED_FORMAT", `${where}: expected no transparent colour key`);
    const spread = depth < 8 ? data.map((value) => (value * 255) / (2 ** depth - 1)) : data;
    return overWhite(spread, png.channels, width, height, depth === 16 ? 16 : 8);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw malformed(where, "it does not decode", { cause });
  }
}

const PICTURE = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }; // a pixel's samples by colour type

interface Chunk {
  readonly type: string;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

function chunksOf(bytes: Uint8Array, where: string): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; at < bytes.length; ) {
    const end = at + 12 <= bytes.length ? at + 12 + view.getUint32(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) throw malformed(where, `a chunk at byte ${at} reaches beyond the end`);
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1");
    chunks.push({ type, content: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) });
    at = end;
  }
  return chunks;
}

function headerOf(chunks: readonly Chunk[], where: string, maximumBytes: number) {
  const header = chunks[0];
  if (header?.type !== "IHDR" || header.content.length !== 13) throw malformed(where, "expected an IHDR chunk first");
  const view = new DataView(header.content.buffer, header.content.byteOffset, 13);
  const [width, height, depth, colour] = [view.getUint32(0), view.getUint32(4), view.getUint8(8), view.getUint8(9)];
  if (width * height * 16 > maximumBytes) {
    throw new DataError(
      "LIMIT_EXCEEDED",
      `${where}: expected an image that fits ${maximumBytes} bytes, got ${width} × ${height}`,
    );
  }
  return { width, height, depth, colour } as const;
}

/** Inflates the pixels once with a limit, because fast-png has none. */
function refuseBomb(chunks: readonly Chunk[], expected: number, where: string): void {
  const packed = Buffer.concat(chunks.filter(({ type }) => type === "IDAT").map(({ content }) => content));
  try {
    inflateSync(packed, { maxOutputLength: 2 * expected + 4096 }); // interlacing adds at most a filter byte per line and pass
  } catch (cause) {
    throw malformed(where, "its pixels do not inflate to the size in its header", { cause });
  }
}

/** One sample per element from rows of packed bits. */
function unpackBits(packed: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = packed[Math.floor(i / width) * rowBytes + (bit >> 3)] ?? 0;
    return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  });
}

function lookUp(indices: ArrayLike<number>, palette: readonly (readonly number[])[], where: string): Uint8Array {
  const channels = palette[0]?.length ?? 3;
  const colours = new Uint8Array(indices.length * channels);
  for (let i = 0; i < indices.length; i++) {
    const colour = palette[indices[i]!];
    if (!colour) throw malformed(where, `expected a palette of ${palette.length} colours to hold colour ${indices[i]}`);
    colours.set(colour, i * channels);
  }
  return colours;
}

function overWhite(
  data: Uint8Array | Uint16Array | Uint8ClampedArray,
  channels: number,
  width: number,
  height: number,
  depth: 8 | 16,
): Image {
  if (channels === 1 || channels === 3) return { width, height, channels, depth, data };
  const white = 2 ** depth - 1;
  const opaque = channels === 2 ? 1 : 3;
  const mixed = data.slice(0, width * height * opaque);
  for (let i = 0; i < mixed.length; i++) {
    const pixel = Math.floor(i / opaque) * channels;
    const alpha = data[pixel + opaque]! / white;
    mixed[i] = Math.round(data[pixel + (i % opaque)]! * alpha + white * (1 - alpha));
  }
  return { width, height, channels: opaque, depth, data: mixed };
}

function malformed(where: string, what: string, options?: ErrorOptions): DataError {
  return new DataError("MALFORMED_FILE", `${where}: expected a PNG image, but ${what}`, options);
}
