import { type AnyTensor, type DType, type Shape, sizeOf, strides } from "@casemate/tensor";
import { DataError } from "./data-error.ts";

/**
 * Reads one NumPy array (format versions 1 to 3) as a row-major tensor; Fortran order and either byte order are turned round.
 * Throws UNSUPPORTED_FORMAT for strings, objects and structures, LIMIT_EXCEEDED for more than `maximumBytes`.
 */
export function decodeNpy(bytes: Uint8Array, where: string, maximumBytes = Number.POSITIVE_INFINITY): AnyTensor {
  const { start, header } = headerOf(bytes, where);
  const { dtype, swapped, fortran, shape } = parseHeader(header, where);
  const { itemSize, wrap } = elementTypes[dtype];
  const expected = sizeOf(shape) * itemSize;
  if (expected > maximumBytes) {
    throw new DataError(
      "LIMIT_EXCEEDED",
      `${where}: expected at most ${maximumBytes} bytes, got [${shape}] of ${dtype}`,
    );
  }
  if (bytes.length - start !== expected) {
    const message = `expected ${expected} bytes for [${shape}] of ${dtype}, got ${bytes.length - start}`;
    throw new DataError("MALFORMED_FILE", `${where}: ${message}`);
  }
  const content = Buffer.from(new Uint8Array(bytes.subarray(start)).buffer); // a copy: aligned, and ours to swap
  if (swapped) swap(content, itemSize);
  const data = wrap(content.buffer, expected / itemSize);
  const stored = { dtype, shape, data } as AnyTensor; // `wrap` comes from the row of this dtype
  return fortran && shape.length > 1 ? toRowMajor(stored) : stored;
}

/** Writes a tensor as a little-endian NumPy array, format version 1. Throws UNSUPPORTED_FORMAT for bfloat16 and strings. */
export function encodeNpy(tensor: AnyTensor): Uint8Array {
  const { dtype, shape, data } = tensor;
  if (!isStorable(dtype) || Array.isArray(data)) {
    throw new DataError("UNSUPPORTED_FORMAT", `npy: expected a dtype that NumPy has, got ${dtype}`);
  }
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '${elementTypes[dtype].descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padding = " ".repeat(63 - ((10 + dictionary.length) % 64)); // NumPy aligns the data to 64 bytes
  const header = new TextEncoder().encode(`${dictionary}${padding}\n`);
  const prefix = [...MAGIC, 1, 0, header.length & 0xff, header.length >>> 8];
  return Buffer.concat([
    Uint8Array.from(prefix),
    header,
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const MAXIMUM_DIMENSIONS = 32;

type Storable = Exclude<DType, "bfloat16" | "string">;

interface ElementType {
  readonly descr: string;
  readonly itemSize: number;
  readonly wrap: (buffer: ArrayBufferLike, length: number) => Exclude<AnyTensor["data"], string[]>;
}

const elementTypes: Record<Storable, ElementType> = {
  bool: { descr: "|b1", itemSize: 1, wrap: (buffer, n) => new Uint8Array(buffer, 0, n) },
  uint8: { descr: "|u1", itemSize: 1, wrap: (buffer, n) => new Uint8Array(buffer, 0, n) },
  int8: { descr: "|i1", itemSize: 1, wrap: (buffer, n) => new Int8Array(buffer, 0, n) },
  uint16: { descr: "<u2", itemSize: 2, wrap: (buffer, n) => new Uint16Array(buffer, 0, n) },
  int16: { descr: "<i2", itemSize: 2, wrap: (buffer, n) => new Int16Array(buffer, 0, n) },
  uint32: { descr: "<u4", itemSize: 4, wrap: (buffer, n) => new Uint32Array(buffer, 0, n) },
  int32: { descr: "<i4", itemSize: 4, wrap: (buffer, n) => new Int32Array(buffer, 0, n) },
  uint64: { descr: "<u8", itemSize: 8, wrap: (buffer, n) => new BigUint64Array(buffer, 0, n) },
  int64: { descr: "<i8", itemSize: 8, wrap: (buffer, n) => new BigInt64Array(buffer, 0, n) },
  float16: { descr: "<f2", itemSize: 2, wrap: (buffer, n) => new Uint16Array(buffer, 0, n) },
  float32: { descr: "<f4", itemSize: 4, wrap: (buffer, n) => new Float32Array(buffer, 0, n) },
  float64: { descr: "<f8", itemSize: 8, wrap: (buffer, n) => new Float64Array(buffer, 0, n) },
};

function isStorable(dtype: DType): dtype is Storable {
  return dtype in elementTypes;
}

function headerOf(bytes: Uint8Array, where: string): { start: number; header: string } {
  const major = bytes[6] ?? 0;
  if (MAGIC.some((byte, i) => bytes[i] !== byte) || major < 1 || major > 3 || bytes.length < 12) {
    throw new DataError("MALFORMED_FILE", `${where}: expected a NumPy array of version 1 to 3, got other bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [prefix, length] = major === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const start = prefix + length;
  if (start > bytes.length)
    throw new DataError("MALFORMED_FILE", `${where}: expected a header of ${length} bytes, got fewer`);
  return { start, header: new TextDecoder().decode(bytes.subarray(prefix, start)) };
}

interface Header {
  readonly dtype: Storable;
  readonly swapped: boolean;
  readonly fortran: boolean;
  readonly shape: Shape;
}

function parseHeader(header: string, where: string): Header {
  const descr = /'descr'\s*:\s*'([<>|=])([a-zA-Z]\d*)'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)\b/.exec(header);
  const tuple = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header);
  if (!descr && /'descr'\s*:/.test(header)) throw unsupported(where, "a structure");
  if (!descr || !order || !tuple) {
    throw new DataError("MALFORMED_FILE", `${where}: expected descr, fortran_order and shape in the NumPy header`);
  }
  const type = descr[2];
  const dtype = (Object.keys(elementTypes) as Storable[]).find((name) => elementTypes[name].descr.slice(1) === type);
  if (!dtype) throw unsupported(where, `'${type}'`);
  const shape = (tuple[1]!.match(/\d+/g) ?? []).map(Number);
  if (shape.length > MAXIMUM_DIMENSIONS || !Number.isSafeInteger(sizeOf(shape) * 8)) {
    throw new DataError("LIMIT_EXCEEDED", `${where}: expected a shape that fits memory, got [${shape}]`);
  }
  return { dtype, swapped: descr[1] === ">", fortran: order[1] === "True", shape };
}

function unsupported(where: string, got: string): DataError {
  return new DataError("UNSUPPORTED_FORMAT", `${where}: expected numbers or booleans, got an array of ${got}`);
}

function swap(content: Buffer, itemSize: number): void {
  if (itemSize === 2) content.swap16();
  else if (itemSize === 4) content.swap32();
  else if (itemSize === 8) content.swap64();
}

/** Reorders data whose first axis runs fastest. */
function toRowMajor(tensor: AnyTensor): AnyTensor {
  const { shape, data } = tensor;
  const columnMajor = strides([...shape].reverse()).toReversed();
  const ordered = data.slice();
  const index = shape.map(() => 0);
  for (let i = 0, from = 0; i < ordered.length; i++) {
    ordered[i] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += columnMajor[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= columnMajor[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { ...tensor, data: ordered } as AnyTensor;
}
