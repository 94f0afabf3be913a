import { distances } from "@casemate/tensor";
import { expect, test } from "vitest";
import { l1, run, square } from "../../src/index.ts";
import { twoHills } from "../../src/score/square-l2.ts";
import { randomLinear, samplesFor } from "../classifiers.ts";

// From `eta` of the authors' square.py (commit a392200) under PyTorch, which turns it at random.
test.each([
  [3, [0.0263, 0.4474, 0.0263, -0.0227, -0.0227, -0.0227, -0.0227, -0.3864, -0.0227]],
  [5, [0.0041, 0.025, 0.025, 0.025, 0.0041, 0.0041, 0.025, 0.3587, 0.025, 0.0041, -0.0035, -0.0214]],
])("Square's bump of side %i in L1 is the authors'", (side, eta) => {
  const bump = twoHills(side, "l1");
  for (const [i, value] of eta.entries()) expect(bump[i]).toBeCloseTo(value, 4);
  expect(bump.reduce((sum, each) => sum + Math.abs(each), 0)).toBeCloseTo(1, 12);
});

test("in L1 Square uses the ball up to its edge, and lowers the margin with its queries", async () => {
  const model = randomLinear([2, 8, 8], 4, 7);
  const [x, labels] = await samplesFor(model, 12, 7);
  const at = async (queries: number) => run(model, x, labels, l1(6), { attack: square({ queries }), seed: 2 });
  const [start, end] = [await at(0), await at(150)];
  expect(end.curve[0]!.broken).toBeGreaterThan(start.curve[0]!.broken);
  for (const { adversarial, sample } of end.samples) {
    if (!adversarial) continue;
    const [size] = distances("l1", adversarial, x.data.subarray(sample * 128, (sample + 1) * 128), 128);
    expect(size).toBeLessThanOrEqual(6);
    expect(size).toBeGreaterThan(5.5);
  }
});
