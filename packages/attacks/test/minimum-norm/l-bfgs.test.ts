import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { l2, lbfgs, run } from "../../src/index.ts";
import { quasiNewton } from "../../src/minimum-norm/quasi-newton.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { plane } from "../plane.ts";

describeAttack({ attack: lbfgs({ searchSteps: 3, iterations: 10, initialConstant: 0.1 }) });

test("comes near the closed-form distance from a plane", async () => {
  const { model, x, labels, distance } = plane({ lower: -5, upper: 5 });
  const { samples } = await run(model, x, labels, l2(Infinity), { attack: lbfgs(), activeSet: false });
  for (const [row, { status, distance: found }] of samples.entries()) {
    expect(status).toBe("broken");
    expect(found).toBeGreaterThan(distance(row, "l2") * 0.9999);
    expect(found).toBeLessThan(distance(row, "l2") * 1.05);
  }
});

test("honours targets", async () => {
  const model = linear(
    [0, 1, 2].map((k) => [0, 1, 2].map((j) => (j === k ? 4 : 0))),
    [0, 0, 0],
  );
  const x = tensor([1, 3], Float32Array.of(0.6, 0.5, 0.1));
  const criterion = { type: "targeted", targets: [2] } as const;
  const { samples } = await run(model, x, [0], l2(Infinity), { attack: lbfgs(), criterion, activeSet: false });
  expect(samples[0]!.adversarialPrediction).toBe(2);
  // The nearest point is where all three are equal to their mean, 0.4: (0.2, 0.1, 0.3) away; the path of minima passes by it.
  expect(samples[0]!.distance).toBeLessThan(Math.hypot(0.2, 0.1, 0.3) * 1.1);
});

test("stands still where the gradient is zero", async () => {
  const flat = linear([new Array(4).fill(0), new Array(4).fill(0)], [1, 0]);
  const { samples } = await run(flat, tensor([1, 4]), [0], l2(1), { attack: lbfgs() });
  expect(samples[0]!.status).toBe("robust");
});

test("L-BFGS finds the minimum of a quadratic within a box", () => {
  // (x - y)² + 10 (x + y - 3)² + z² - z, whose minimum over the box [0, 1] × [0, 5] × [0.7, 2] is x = 1, y = 21/11, z = 0.7.
  const solver = quasiNewton(
    Float64Array.of(0.2, 4, 2),
    { lower: Float64Array.of(0, 0, 0.7), upper: Float64Array.of(1, 5, 2) },
    100,
  );
  let last = Float64Array.of();
  for (let next = solver.next(); !next.done; ) {
    last = Float64Array.from(next.value);
    const [x, y, z] = last as unknown as [number, number, number];
    const value = (x - y) ** 2 + 10 * (x + y - 3) ** 2 + z * z - z;
    const gradient = Float64Array.of(2 * (x - y) + 20 * (x + y - 3), 2 * (y - x) + 20 * (x + y - 3), 2 * z - 1);
    next = solver.next({ value, gradient });
  }
  expect(last[0]).toBe(1);
  expect(last[1]).toBeCloseTo(21 / 11, 4);
  expect(last[2]).toBe(0.7);
});
