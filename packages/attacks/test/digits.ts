import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { inflateRawSync } from "node:zlib";
import { readModel } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { type OnnxClassifier, openClassifier } from "../src/index.ts";

const folder = new URL("../../../examples/digits/", import.meta.url);

export type DigitsModel = "mnist-standard" | "mnist-masked" | "mnist-robust";

/** One of the example's models, as a classifier of images in [0, 1]. */
export async function openDigits(name: DigitsModel, threads = 1): Promise<OnnxClassifier> {
  const model = await readModel(fileURLToPath(new URL(`${name}.onnx`, folder)));
  return openClassifier(model, { bounds: { lower: 0, upper: 1 }, threads });
}

/** The example's 500 test digits, scaled to [0, 1], and their labels. */
export async function readDigits(): Promise<{ x: Tensor; labels: number[] }> {
  const archive = await readFile(new URL("digits-test-500.npz", folder));
  const pixels = entry(archive, "x.npy");
  const labels = entry(archive, "y.npy");
  const x = Float32Array.from(pixels, (pixel) => pixel / 255);
  const y = new BigInt64Array(labels.buffer.slice(labels.byteOffset, labels.byteOffset + labels.byteLength));
  return { x: tensor([500, 1, 28, 28], x), labels: Array.from(y, Number) };
}

/** The numbers of an .npy inside a zip: the central directory, an inflated entry, and what follows the NumPy header. */
function entry(archive: Buffer, name: string): Uint8Array {
  let at = archive.readUInt32LE(archive.lastIndexOf("PK\x05\x06", undefined, "latin1") + 16);
  for (;;) {
    const length = archive.readUInt16LE(at + 28);
    if (archive.toString("latin1", at + 46, at + 46 + length) === name) break;
    at += 46 + length + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  const local = archive.readUInt32LE(at + 42);
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const numbers = inflateRawSync(archive.subarray(start, start + archive.readUInt32LE(at + 20)));
  return numbers.subarray(10 + numbers.readUInt16LE(8));
}
