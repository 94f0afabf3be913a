import { type Tensor, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { augmented } from "../../src/training/augmentation.ts";

const draw = (row: number) => ({ seed: 5, stream: 1, sample: row, step: 0 });
const rows = 500;
const side = 5;
/** Two channels: the column of each pixel, and its line. */
const images = tensor(
  [rows, 2, side, side],
  Float32Array.from({ length: rows * 2 * side * side }, (_, at) =>
    Math.floor(at / (side * side)) % 2 === 0 ? at % side : Math.floor(at / side) % side,
  ),
);

test("an image moves by each distance equally often, and its edges fill what becomes free", () => {
  const moved = augmented(images, { shift: 1 }, draw);
  const seen = new Map<string, number>();
  for (let row = 0; row < rows; row++) {
    const [columns, lines] = channelsOf(moved, row);
    const [dx, dy] = [columns[2 * side + 2]! - 2, lines[2 * side + 2]! - 2];
    seen.set(`${dx},${dy}`, (seen.get(`${dx},${dy}`) ?? 0) + 1);
    for (let at = 0; at < side * side; at++) {
      expect(columns[at]).toBe(Math.min(side - 1, Math.max(0, (at % side) + dx)));
      expect(lines[at]).toBe(Math.min(side - 1, Math.max(0, Math.floor(at / side) + dy)));
    }
  }
  expect(seen.size).toBe(9);
  const expected = rows / 9;
  const chiSquare = [...seen.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chiSquare).toBeLessThan(26.12); // 99.9 % of 8 degrees of freedom
});

test("half of the images are turned over, from left to right", () => {
  const turned = augmented(images, { flip: true }, draw);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    const [columns, lines] = channelsOf(turned, row);
    const isTurned = columns[0] === side - 1;
    count += Number(isTurned);
    for (let at = 0; at < side * side; at++) {
      expect(columns[at]).toBe(isTurned ? side - 1 - (at % side) : at % side);
      expect(lines[at]).toBe(Math.floor(at / side));
    }
  }
  expect(Math.abs(count - rows / 2)).toBeLessThan(3.3 * Math.sqrt(rows / 4)); // 99.9 %
});

test("what becomes of an image does not depend on where its channels are", () => {
  const options = { shift: 2, flip: true };
  const first = channelsFirst(augmented(channelsLast(images), options, draw, true));
  expect(first.data).toEqual(augmented(images, options, draw).data);
});

test.each([
  [[4, 9], { shift: 1 }, "augmentation: expected images [n, channels, height, width] to move or turn over, got [4,9]"],
  [[4, 1, 3, 8], { shift: 3 }, "augmentation: shift: expected whole pixels from 0 to 2, got 3"],
  [[4, 1, 3, 8], { shift: 0.5 }, "augmentation: shift: expected whole pixels from 0 to 2, got 0.5"],
])("images of shape %j do not take %j", (shape, options, message) => {
  expect(() => augmented(tensor(shape), options, draw)).toThrow(message);
});

function channelsOf({ data }: Tensor, row: number): readonly [Float32Array, Float32Array] {
  const size = side * side;
  return [
    data.subarray(2 * row * size, (2 * row + 1) * size),
    data.subarray((2 * row + 1) * size, (2 * row + 2) * size),
  ];
}

function channelsLast({ data }: Tensor): Tensor {
  const size = side * side;
  const at = (i: number) => 2 * size * Math.floor(i / (2 * size)) + size * (i % 2) + (Math.floor(i / 2) % size);
  return tensor(
    [rows, side, side, 2],
    data.map((_, i) => data[at(i)]!),
  );
}

function channelsFirst({ data }: Tensor): Tensor {
  const size = side * side;
  const at = (i: number) => 2 * size * Math.floor(i / (2 * size)) + 2 * (i % size) + (Math.floor(i / size) % 2);
  return tensor(
    [rows, 2, side, side],
    data.map((_, i) => data[at(i)]!),
  );
}
