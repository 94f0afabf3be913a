import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { mixed } from "../../src/training/mixing.ts";

const rows = 400;
const draw = (row: number, purpose: number) => ({ seed: 3, stream: 1000 * purpose, sample: row, step: 0 });
const targets = tensor(
  [rows, rows],
  Float32Array.from({ length: rows * rows }, (_, i) => Number(i % (rows + 1) === 0)),
);

test("mixup blends sample and target by the same share, uniform for alpha 1", () => {
  const x = tensor(
    [rows, 1],
    Float32Array.from({ length: rows }, (_, i) => i),
  );
  const result = mixed({ x, targets }, { type: "mixup", alpha: 1 }, draw);
  const shares = Array.from({ length: rows }, (_, i) => result.targets.data[i * rows + i]!);
  for (const [i, share] of shares.entries()) {
    expect(result.x.data[i]).toBeCloseTo(share * i + (1 - share) * ((i + 1) % rows), 3);
  }
  const mean = shares.reduce((sum, share) => sum + share, 0) / rows;
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / rows;
  expect(mean).toBeCloseTo(0.5, 1);
  expect(variance).toBeCloseTo(1 / 12, 1);
});

test("a small alpha leaves most samples nearly alone: the variance of Beta(a, a) is 1 / (8a + 4)", () => {
  const x = tensor([rows, 1]);
  const result = mixed({ x, targets }, { type: "mixup", alpha: 0.2 }, draw);
  const shares = Array.from({ length: rows }, (_, i) => result.targets.data[i * rows + i]!);
  const variance = shares.reduce((sum, share) => sum + (share - 0.5) ** 2, 0) / rows;
  expect(Math.abs(variance - 1 / 5.6)).toBeLessThan(0.02);
});

test("cutmix takes a rectangle from the other image, and its share of the target", () => {
  const x = tensor(
    [rows, 1, 8, 8],
    Float32Array.from({ length: rows * 64 }, (_, i) => Math.floor(i / 64) % 2),
  );
  const result = mixed({ x, targets }, { type: "cutmix", alpha: 1 }, draw);
  for (let row = 0; row < rows; row++) {
    const image = result.x.data.subarray(row * 64, (row + 1) * 64);
    const foreign = image.filter((pixel) => pixel !== row % 2).length;
    expect(result.targets.data[row * rows + row]).toBeCloseTo(1 - foreign / 64, 5);
  }
});
