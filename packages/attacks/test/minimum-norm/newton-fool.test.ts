import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { l2, newtonFool, run } from "../../src/index.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { plane } from "../plane.ts";

describeAttack({ attack: newtonFool({ steps: 30 }) });

test("goes straight at a plane and at most a step beyond", async () => {
  const { model, x, labels, weights, distance } = plane();
  const attack = newtonFool({ steps: 500 });
  const { samples } = await run(model, x, labels, l2(Infinity), { attack, activeSet: false });
  for (const [row, { status, adversarial, distance: found }] of samples.entries()) {
    expect(status).toBe("broken");
    const step = 0.01 * Math.hypot(...x.data.subarray(row * 4, row * 4 + 4));
    expect(found).toBeGreaterThan(distance(row, "l2"));
    expect(found).toBeLessThan(distance(row, "l2") + step);
    const moved = weights.map((weight, j) => (adversarial![j]! - x.data[row * 4 + j]!) / weight);
    for (const share of moved) expect(share).toBeCloseTo(moved[0]!, 4);
  }
});

test("stands still where the gradient is zero", async () => {
  const flat = linear(
    [
      [0, 0],
      [0, 0],
    ],
    [1, 0],
  );
  const x = tensor([1, 2], Float32Array.of(0.5, 0.5));
  const { samples, zeroGradients } = await run(flat, x, [0], l2(1), { attack: newtonFool() });
  expect(samples[0]!.status).toBe("robust");
  expect(zeroGradients).toEqual({ count: 1, of: 1 });
});

test("refuses targets", async () => {
  const { model, x, labels } = plane();
  const criterion = { type: "targeted", targets: labels.map((label) => 1 - label) } as const;
  await expect(run(model, x, labels, l2(1), { attack: newtonFool(), criterion })).rejects.toThrow(
    "NewtonFool: expected misclassification as the criterion, got targets",
  );
});
