import { expect, test } from "vitest";
import { broadcastShapes, putRows, strides, TensorError, takeRows, tensor } from "../src/index.ts";

test("takeRows picks rows in the order named, and putRows puts them back", () => {
  const source = tensor([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
  const taken = takeRows(source, [2, 0]);
  expect(taken).toEqual(tensor([2, 2], Float32Array.of(5, 6, 1, 2)));
  const target = tensor([3, 2]);
  putRows(target, Int32Array.of(2, 0), taken);
  expect(target.data).toEqual(Float32Array.of(1, 2, 0, 0, 5, 6));
});

test("rows that are not there are refused", () => {
  expect(() => takeRows(tensor([3, 2]), [3])).toThrow(TensorError);
  expect(() => putRows(tensor([3, 2]), [0, 1], tensor([1, 2]))).toThrow("expected 2 rows of 2 elements");
});

test("strides are row-major", () => {
  expect(strides([2, 3, 4])).toEqual([12, 4, 1]);
  expect(strides([])).toEqual([]);
});

// Cases of the ONNX and NumPy documentation on broadcasting.
test.each([
  [
    [[2, 3, 4, 5], []],
    [2, 3, 4, 5],
  ],
  [
    [[2, 3, 4, 5], [5]],
    [2, 3, 4, 5],
  ],
  [
    [
      [4, 5],
      [2, 3, 4, 5],
    ],
    [2, 3, 4, 5],
  ],
  [
    [
      [1, 4, 5],
      [2, 3, 1, 1],
    ],
    [2, 3, 4, 5],
  ],
  [
    [
      [3, 1],
      [1, 4],
      [2, 1, 1],
    ],
    [2, 3, 4],
  ],
  [
    [
      [0, 3],
      [1, 3],
    ],
    [0, 3],
  ],
])("%j broadcast to %j", (shapes, expected) => {
  expect(broadcastShapes(...shapes)).toEqual(expected);
});

test("shapes that do not fit together are refused with both named", () => {
  expect(() => broadcastShapes([2, 3], [4, 3])).toThrow("[2,3] and [4,3] do not fit together at axis 0");
});

test("a tensor whose data do not fill its shape is refused", () => {
  expect(() => tensor([2, 2], new Float32Array(3))).toThrow("expected 4 elements for [2,2], got 3");
});
