import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { defaultLimits } from "../../src/limits.ts";
import { scanSource } from "../../src/scan-source.ts";
import { memorySource } from "../../src/sources/memory-source.ts";
import { writeMessage } from "../corpus/protobuf-writer.ts";

/** x · W with the classes of W as long as `lengths`, as one ONNX file. */
function classifier(lengths: readonly number[]): Uint8Array {
  const weights = new Float32Array(4 * lengths.length);
  for (const [column, length] of lengths.entries()) {
    for (let row = 0; row < 4; row++) weights[row * lengths.length + column] = length / 2;
  }
  return writeMessage([
    [1, 8],
    [
      8,
      [
        [1, ""],
        [2, 18],
      ],
    ],
    [
      7,
      [
        [
          1,
          [
            [1, "x"],
            [1, "w"],
            [2, "scores"],
            [4, "MatMul"],
          ],
        ],
        [
          1,
          [
            [1, "scores"],
            [2, "y"],
            [4, "Softmax"],
          ],
        ],
        [
          5,
          [
            [1, 4],
            [1, lengths.length],
            [2, 1],
            [8, "w"],
            [9, new Uint8Array(weights.buffer)],
          ],
        ],
        [11, [[1, "x"]]],
        [12, [[1, "y"]]],
      ],
    ],
  ]);
}

async function outlying(model: Uint8Array): Promise<readonly string[]> {
  const { findings } = await scanSource(memorySource("", model), defaultLimits, tmpdir());
  return findings.filter(({ rule }) => rule.id === "onnx/outlying-class").map(({ evidence }) => evidence);
}

test("one class far longer than the others is told with its distance", async () => {
  // lengths 1, 2, 3, 4, 5, 60: median 3.5, median absolute deviation 1.5, so (60 - 3.5) / (1.4826 · 1.5) = 25.4
  expect(await outlying(classifier([1, 2, 3, 4, 5, 60]))).toEqual([
    expect.stringMatching(/^class 5 of 'y': 25\.4 deviations/),
  ]);
});

test("classes of usual spread, and few classes, are not", async () => {
  expect(await outlying(classifier([1, 2, 3, 4, 5, 6]))).toEqual([]);
  expect(await outlying(classifier([1, 2, 3, 90]))).toEqual([]);
});

test.each(["mnist-standard", "mnist-masked", "mnist-robust"])("the clean network %s has none", async (name) => {
  expect(await outlying(readFileSync(new URL(`../../../../examples/digits/${name}.onnx`, import.meta.url)))).toEqual(
    [],
  );
});
