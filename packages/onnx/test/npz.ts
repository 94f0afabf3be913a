import { readFileSync } from "node:fs";
import type { AnyTensor } from "@casemate/tensor";
import { unzipSync } from "fflate";

/** The arrays of a NumPy .npz file beside the tests: float32, float64 and int64 in row-major order. */
export function readNpz(url: URL): Readonly<Record<string, AnyTensor>> {
  return Object.fromEntries(
    Object.entries(unzipSync(readFileSync(url))).map(([name, bytes]) => [name.replace(/\.npy$/, ""), readNpy(bytes)]),
  );
}

function readNpy(bytes: Uint8Array): AnyTensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = view.getUint16(8, true); // after the magic number and version 1.0
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + length));
  const [, type] = /'descr': '([^']*)'/.exec(header)!;
  const [, list] = /'shape': \(([^)]*)\)/.exec(header)!;
  const shape = list!.split(",").flatMap((size) => (size.trim() ? [Number(size)] : []));
  const data = bytes.slice(10 + length).buffer;
  switch (type) {
    case "<f4":
      return { dtype: "float32", shape, data: new Float32Array(data) };
    case "<f8":
      return { dtype: "float64", shape, data: new Float64Array(data) };
    case "<i8":
      return { dtype: "int64", shape, data: new BigInt64Array(data) };
    default:
      throw new Error(`expected float32, float64 or int64, got ${type}`);
  }
}
