import { join } from "node:path";
import { readNpz } from "@casemate/data";
import { expect, test } from "vitest";
import { pick, readDigits, readSplit } from "../examples/digits/digits.ts";
import { root } from "./casemate.ts";

const digits = readDigits();
const { train, test: held } = await readSplit();

test("the 500 test digits that are bundled come from the same package, byte for byte", async () => {
  const bundled = await readNpz(join(root, "examples", "digits", "digits-test-500.npz"));
  const { x, y } = pick(digits, held.slice(0, 500));
  expect(Buffer.compare(x.data, bundled.get("x")!.data as Uint8Array)).toBe(0);
  expect([...y.data]).toEqual([...bundled.get("y")!.data].map(Number));
});

test("no test digit is trained on, neither by its index nor by its image", () => {
  const indices = new Set(train);
  expect([indices.size, new Set(held).size]).toEqual([8000, 2000]);
  expect(held.filter((index) => indices.has(index))).toEqual([]);
  const images = new Set(imagesOf(train));
  expect(images.size).toBe(8000); // nor is one of the images there twice
  expect(imagesOf(held).filter((image) => images.has(image))).toEqual([]);
});

test("the digits are all there, each class in its place", () => {
  expect(digits.x.shape).toEqual([10_000, 1, 28, 28]);
  const counts = Array.from({ length: 10 }, (_, digit) => digits.y.data.filter((label) => label === digit).length);
  expect(counts).toEqual([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]); // counted with NumPy
  expect(digits.y.data).toEqual(digits.y.data.toSorted());
});

function imagesOf(indices: readonly number[]): string[] {
  const size = 28 * 28;
  const { data } = pick(digits, indices).x;
  return indices.map((_, row) => Buffer.from(data.subarray(row * size, (row + 1) * size)).toString("latin1"));
}
