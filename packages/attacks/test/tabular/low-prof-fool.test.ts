import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { l2, lowProFool, pearsonImportance, run } from "../../src/index.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

describeAttack({ attack: lowProFool({ steps: 30, alpha: 0.05, lambda: 0.2 }), epsilons: { linf: 0.3, l2: 1, l1: 4 } });

const slopes = [3, -2, 1];
const weights = [0.8, 0.5, 0.33166248];
const model = linear([[0, 0, 0], slopes], [0, -0.2], { lower: -5, upper: 5 });
const x = tensor([3, 3], Float32Array.of(0.2, 0.6, 0.1, -0.5, 0.3, 0.4, 0.9, 0.2, 0.1));
const labels = [0, 0, 1];

function weightedNorms(points: readonly (Float32Array | undefined)[]): number[] {
  return points.map((point, row) =>
    Math.hypot(...weights.map((weight, j) => weight * (point![j]! - x.data[3 * row + j]!))),
  );
}

test("comes as near in the weighted norm as ART does, and no nearer than the boundary", async () => {
  const attack = lowProFool({ steps: 2000, alpha: 0.02, lambda: 1.5, importance: weights });
  const { samples } = await run(model, x, labels, l2(Infinity), { attack });
  const found = weightedNorms(samples.map(({ adversarial }) => adversarial));
  // adversarial-robustness-toolbox, LowProFool(n_steps=2000, lambd=1.5, eta=0.02, eta_decay=1) on the same logistic regression
  const ofArt = [0.12789, 0.33972, 0.38463];
  const norm = Math.hypot(...slopes.map((slope, j) => slope / weights[j]!));
  for (const [row, size] of found.entries()) {
    const value = slopes.reduce((sum, slope, j) => sum + slope * x.data[3 * row + j]!, -0.2);
    expect(size).toBeGreaterThan(Math.abs(value) / norm);
    expect(size).toBeLessThan(ofArt[row]! * 1.02);
  }
});

test("changes less of what counts more", async () => {
  const change = async (importance: readonly number[]) => {
    const attack = lowProFool({ steps: 300, alpha: 0.02, lambda: 1, importance });
    const { samples } = await run(model, x, labels, l2(Infinity), { attack });
    return Math.abs(samples[0]!.adversarial![0]! - x.data[0]!);
  };
  expect(await change([1, 0.1, 0.1])).toBeLessThan(0.75 * (await change([0.1, 1, 0.1])));
});

test("importance is the correlation with the label", () => {
  const rows = tensor([4, 3], Float32Array.of(0, 1, 5, 0, 3, 5, 1, 1, 5, 1, 3, 5));
  expect(pearsonImportance(rows, [0, 0, 1, 1])).toEqual([1, 0, 0]);
  const [first, second] = pearsonImportance(rows, [0, 1, 1, 1]);
  expect(first).toBeCloseTo(Math.SQRT1_2, 10);
  expect(second).toBeCloseTo(Math.SQRT1_2, 10);
});

test("refuses an importance for other features", async () => {
  const attack = lowProFool({ importance: [1, 2] });
  await expect(run(model, x, labels, l2(1), { attack })).rejects.toThrow("for each of 3 features, got [1,2]");
});
