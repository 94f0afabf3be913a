import { fillNormal, fillUniform, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { imageShape } from "../../src/image.ts";
import { run, shadow, threats, wasserstein } from "../../src/index.ts";
import { shadowPenalty } from "../../src/physical/shadow.ts";
import { omega, projectSinkhorn } from "../../src/physical/sinkhorn-projection.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

const all = ["mask", "constraints"] as const;
const refuses = { linf: all, l2: all, l1: all };
describeAttack({ attack: shadow({ steps: 20, learningRate: 0.3 }), refuses });
describeAttack({ attack: shadow({ steps: 4, deviation: 0.1, copies: 3 }), refuses, shape: [3, 4, 5] });
describeAttack({ attack: wasserstein({ epsilon: 0.3, steps: 5 }), refuses });

const key = { seed: 1, stream: 1, sample: 0, step: 0 };

test.each([
  { inputShape: [5, 4], layout: "channels-first" },
  { inputShape: [3, 5, 4], layout: "channels-first" },
  { inputShape: [5, 4, 3], layout: "channels-last" },
] as const)("the slope of the shadow's penalty is right: $inputShape, $layout", (model) => {
  const width = model.inputShape.reduce((product: number, each: number) => product * each, 1);
  const delta = fillNormal(new Float32Array(width), key);
  const weights = { smoothness: 0.3, colour: 1, similarity: 0.5 };
  const shape = imageShape(model)!;
  const slopes = new Float64Array(width);
  shadowPenalty(delta, shape, weights, slopes);
  for (let j = 0; j < width; j++) {
    const moved = (by: number) => {
      const at = delta.map((value, k) => (k === j ? value + by : value));
      return shadowPenalty(at, shape, weights, new Float64Array(width));
    };
    expect((moved(1e-3) - moved(-1e-3)) / 2e-3).toBeCloseTo(slopes[j]!, 2);
  }
});

test("a shadow darkens all pixels of all channels, nearly alike", async () => {
  const width = 3 * 8 * 8;
  const bright = { ...linear([Array(width).fill(0.1), Array(width).fill(-0.1)], [-12.8, 12.8]), inputShape: [3, 8, 8] };
  const x = tensor([2, 3, 8, 8], new Float32Array(2 * width).fill(0.7));
  const { samples } = await run(bright, x, [0, 0], threats.l2(1), {
    attack: shadow({ smoothness: 1, learningRate: 0.05 }),
  });
  for (const { status, adversarial } of samples) {
    expect(status).toBe("broken");
    const change = adversarial!.map((value) => value - 0.7);
    const [low, high] = [Math.min(...change), Math.max(...change)];
    expect(high).toBeLessThan(0);
    expect(high - low).toBeLessThan(0.1);
  }
});

test("omega solves w + log w = t over the whole range of exponents", () => {
  for (const t of [-600, -30, -1, 0, 0.5, 1, 3, 50, 1e4]) {
    const w = omega(t);
    expect((w + Math.log(w) - t) / (1 + Math.abs(t))).toBeCloseTo(0, 12);
  }
});

/** Least cost, in squared steps, of turning one line of masses into another: the one that keeps their order. */
function costOnALine(from: readonly number[], to: readonly number[]): number {
  const [left, right] = [[...from], [...to]];
  let cost = 0;
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    const moved = Math.min(left[i]!, right[j]!);
    cost += moved * (i - j) ** 2;
    left[i]! -= moved;
    right[j]! -= moved;
    if (left[i]! <= right[j]!) i++;
    else j++;
  }
  return cost;
}

test.each([0.01, 0.2, 2])("what is projected has the same mass, nothing below 0 and costs at most %d", (epsilon) => {
  const shape = imageShape({ inputShape: [1, 12] })!;
  for (let step = 0; step < 5; step++) {
    const x = Float64Array.from(fillUniform(new Float32Array(12), { ...key, step }, 0, 1 / 6));
    const mass = x.reduce((sum, each) => sum + each, 0);
    const from = x.map((each) => each / mass);
    const noise = fillNormal(new Float32Array(12), { ...key, step: 100 + step });
    const wanted = from.map((each, i) => each + 0.1 * noise[i]!);
    for (const iterations of [1, 50]) {
      const { z, cost } = projectSinkhorn(from, wanted, shape, {
        epsilon,
        regularization: 1000,
        iterations,
        kernel: 5,
      });
      expect(z.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9);
      expect(Math.min(...z)).toBeGreaterThanOrEqual(0);
      expect(cost).toBeLessThanOrEqual(epsilon * (1 + 1e-12));
      expect(costOnALine([...from], [...z])).toBeLessThanOrEqual(cost + 1e-9);
    }
  }
});

test("each channel keeps its own mass, and a wish that costs little is met", () => {
  const shape = imageShape({ inputShape: [3, 4, 4], layout: "channels-last" })!;
  const x = new Float64Array(48).fill(1 / 48);
  const options = { epsilon: 0.2, regularization: 1e4, iterations: 500, kernel: 5 };
  const wanted = x.map((each, i) => (i === 0 ? each + 0.01 : i === 3 ? each - 0.01 : each));
  const { z } = projectSinkhorn(x, wanted, imageShape({ inputShape: [4, 4, 3], layout: "channels-last" })!, options);
  for (let channel = 0; channel < 3; channel++) {
    expect(z.filter((_, i) => i % 3 === channel).reduce((sum, each) => sum + each, 0)).toBeCloseTo(1 / 3, 9);
  }
  for (const [i, value] of z.entries()) expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-3);
  expect(shape.channels).toBe(4);
});

// The authors' projected_sinkhorn (github.com/locuslab/projected_sinkhorn), float64, 2000 iterations, gives 0.0254869 and
// 0.0043011 for the squared distance from the same point; it leaves the ball by what has not converged.
test.each([
  [0.05, 0.0254869],
  [0.3, 0.0043011],
])("comes as near as the authors' code with epsilon %d", (epsilon, theirs) => {
  const image = [0, 1, 2, 1, 0, 1, 9, 3, 2, 1, 2, 1, 8, 4, 3, 0, 2, 3, 6, 1, 1, 0, 1, 2, 5].map((each) => each / 10);
  const mass = image.reduce((sum, each) => sum + each, 0);
  const x = Float64Array.from(image, (each) => each / mass);
  const y = Float64Array.from(image, (each, i) => (each + 0.3 * Math.cos(i * 1.7)) / mass);
  const options = { epsilon, regularization: 1000, iterations: 2000, kernel: 5 };
  const { z } = projectSinkhorn(x, y, imageShape({ inputShape: [5, 5] })!, options);
  const distance = z.reduce((sum, each, i) => sum + (each - y[i]!) ** 2, 0);
  expect(Math.abs(distance / theirs - 1)).toBeLessThan(0.012);
});

test("light moves and is not lost, unless it piles up above the upper bound; a black image stays", async () => {
  const weights = Array.from({ length: 36 }, (_, j) => (j % 6) - 2.5); // the more to the right, the more class 1
  const balance = { ...linear([weights.map((w) => -w), weights], [0.5, -0.5]), inputShape: [6, 6] };
  const x = tensor(
    [2, 6, 6],
    Float32Array.from({ length: 72 }, (_, i) => (i < 36 ? 0.4 : 0)),
  );
  const { samples } = await run(balance, x, [0, 0], threats.l1(1), { attack: wasserstein({ epsilon: 0.5 }) });
  expect(samples.map(({ status }) => status)).toEqual(["broken", "robust"]);
  const sum = samples[0]!.adversarial!.reduce((total, each) => total + each, 0);
  expect(sum).toBeCloseTo(0.4 * 36, 4);
  const { samples: held } = await run(balance, x, [0, 0], threats.l1(1), { attack: wasserstein({ epsilon: 1e-4 }) });
  expect(held.map(({ status }) => status)).toEqual(["robust", "robust"]);
});

test("radii and kernels that make no sense are refused", () => {
  expect(() => wasserstein({ epsilon: 0 })).toThrow(/epsilon above 0, got 0/);
  expect(() => wasserstein({ kernel: 4 })).toThrow(/odd kernel of at least 3, got 4/);
});
