import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TENSOR_KINDS } from "../../src/formats/hub/gguf/tensor-kinds.ts";
import { defaultLimits } from "../../src/limits.ts";
import { scanSource } from "../../src/scan-source.ts";
import { memorySource } from "../../src/sources/memory-source.ts";

const benign = (name: string) => readFileSync(new URL(`../corpus/benign/${name}`, import.meta.url));
const scan = (bytes: Uint8Array) => scanSource(memorySource("", bytes), defaultLimits, "");

test("kinds of tensors have the sizes of their formats", () => {
  // bits for each value, from the names of the kinds: Q4_0 is 4 bits and a 16-bit scale for 32 values
  expect(TENSOR_KINDS.get(2)).toEqual([32, (32 * 4 + 16) / 8]);
  expect(TENSOR_KINDS.get(8)).toEqual([32, (32 * 8 + 16) / 8]);
  // llama.cpp's Q6_K: 6 bits, a scale of 8 bits for 16 values, one of 16 bits for all 256
  expect(TENSOR_KINDS.get(14)).toEqual([256, (256 * 6 + 16 * 8 + 16) / 8]);
});

test.each(["llama.gguf", "big-endian.gguf", "quantized.gguf"])(
  "%s as its library writes it has no finding",
  async (name) => {
    expect(await scan(benign(name))).toMatchObject({ formats: ["gguf"], findings: [] });
  },
);

test("a file that ends within its tensors is one whose tensors lie outside", async () => {
  const { findings } = await scan(benign("llama.gguf").subarray(0, -64));
  expect(findings.map(({ rule }) => rule.id)).toEqual(["gguf/offsets"]);
});
