import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import type { AnyTensor } from "@casemate/tensor";

/** The arrays of a NumPy .npz file beside the tests: float32, float64, int64 and uint8 in row-major order. */
export function readNpz(url: URL): Readonly<Record<string, AnyTensor>> {
  return Object.fromEntries(
    [...unzip(readFileSync(url))].map(([name, bytes]) => [name.replace(/\.npy$/, ""), readNpy(bytes)]),
  );
}

/** Files of a zip archive, found by its central directory (APPNOTE.TXT 4.3.12). */
function* unzip(zip: Buffer): Generator<readonly [name: string, bytes: Uint8Array]> {
  const end = zip.lastIndexOf("PK\x05\x06", undefined, "latin1");
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const method = zip.readUInt16LE(at + 10);
    const size = zip.readUInt32LE(at + 20);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((place) => zip.readUInt16LE(at + place));
    const header = zip.readUInt32LE(at + 42);
    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    const stored = zip.subarray(start, start + size);
    yield [zip.toString("utf8", at + 46, at + 46 + nameLength!), method === 8 ? inflateRawSync(stored) : stored];
    at += 46 + nameLength! + extraLength! + commentLength!;
  }
}

function readNpy(bytes: Uint8Array): AnyTensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint16(8, true); // after the magic number and version 1.0
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + length));
  const [, type] = /'descr': '([^']*)'/.exec(header)!;
  const [, list] = /'shape': \(([^)]*)\)/.exec(header)!;
  const shape = list!.split(",").flatMap((size) => (size.trim() ? [Number(size)] : []));
  const data = Uint8Array.from(bytes.subarray(10 + length)).buffer;
  switch (type) {
    case "<f4":
      return { dtype: "float32", shape, data: new Float32Array(data) };
    case "|u1":
      return { dtype: "uint8", shape, data: new Uint8Array(data) };
    case "<f8":
      return { dtype: "float64", shape, data: new Float64Array(data) };
    case "<i8":
      return { dtype: "int64", shape, data: new BigInt64Array(data) };
    default:
      throw new Error(`expected float32, float64, int64 or uint8, got ${type}`);
  }
}
