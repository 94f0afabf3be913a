import { type Draw, fillNormal, fillUniform, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type BallNorm, brendelBethge, l2, run, threats } from "../../src/index.ts";
import { type StepProblem, solveStep } from "../../src/minimum-norm/brendel-bethge-step.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { plane } from "../plane.ts";

describeAttack({ attack: brendelBethge({ steps: 20, learningRate: 0.02 }) });

describe.each(["l2", "linf", "l1"] as const)("Brendel-Bethge in %s", (norm) => {
  test("converges to the closed-form distance from a plane", async () => {
    const { model, x, labels, distance } = plane({ lower: -5, upper: 5 });
    const attack = brendelBethge({ steps: 200, learningRate: 0.02 });
    const { samples } = await run(model, x, labels, threats[norm](Infinity), { attack, activeSet: false });
    for (const [row, { status, distance: found }] of samples.entries()) {
      expect(status).toBe("broken");
      expect(found).toBeGreaterThan(distance(row, norm) * 0.9999);
      expect(found).toBeLessThan(distance(row, norm) * 1.001);
    }
  });

  test("each step is the best that the bounds and the radius allow", () => {
    let solved = 0;
    for (let seed = 0; seed < 60; seed++) {
      const problem = randomProblem(seed);
      const { home, slope, lower, upper, rise, radius } = problem;
      const step = new Float64Array(home.length);
      solveStep(norm, problem, step);
      expect(step.every((each, j) => each >= lower[j]! - 1e-9 && each <= upper[j]! + 1e-9)).toBe(true);
      expect(Math.hypot(...step)).toBeLessThan(radius * (1 + 1e-6));
      const risen = dot(slope, step);
      const left = sizeOf(norm, home, step);
      // What can be changed about a step without changing its rise: no such change may come nearer to home.
      const isSolved = Math.abs(risen - rise) < 1e-4 * Math.abs(rise);
      if (isSolved) solved++;
      for (let other = 0; other < 200; other++) {
        const change = numbers(home.length, { ...key, seed, sample: 1 + other });
        const along = dot(slope, change) / dot(slope, slope);
        for (const scale of [1e-3, 1e-2, 0.1]) {
          const moved = step.map((each, j) => each + scale * (change[j]! - (isSolved ? along * slope[j]! : 0)));
          const isPossible =
            moved.every((each, j) => each >= lower[j]! && each <= upper[j]!) && Math.hypot(...moved) <= radius;
          if (!isPossible) continue;
          if (isSolved) expect(sizeOf(norm, home, moved)).toBeGreaterThan(left - 2e-3 * scale - 1e-4);
          else expect(Math.sign(rise) * dot(slope, moved)).toBeLessThan(Math.sign(rise) * risen + 1e-4);
        }
      }
    }
    expect(solved).toBeGreaterThan(20);
    expect(solved).toBeLessThan(60); // some ask for more than the radius allows
  });
});

test("in L0 it changes one feature where one is enough", async () => {
  const { model, x, labels } = plane({ lower: -5, upper: 5 });
  const attack = brendelBethge({ steps: 100, learningRate: 0.2 });
  const { samples } = await run(model, x, labels, threats.l0(Infinity), { attack, activeSet: false });
  for (const { distance } of samples) expect(distance).toBe(1);
});

test("restarts come nearer", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 8, 3);
  const [one, three] = await Promise.all(
    [0, 2].map((restarts) => {
      const attack = brendelBethge({ steps: 40, restarts });
      return run(model, x, labels, l2(Infinity), { attack, activeSet: false });
    }),
  );
  const sizes = (result = one) => result!.samples.map(({ distance }) => distance!);
  expect(sizes(three).every((distance, row) => distance <= sizes(one)[row]!)).toBe(true);
  expect(sizes(three).some((distance, row) => distance < 0.99 * sizes(one)[row]!)).toBe(true);
});

test("without a gradient it keeps where it started", async () => {
  // Class 1 everywhere but at the corner.
  const step = linear([[0], [0]], [0, 0]);
  const model = {
    ...step,
    logits: async (x: { data: Float32Array; shape: readonly number[] }) =>
      tensor([x.shape[0]!, 2], Float32Array.from([...x.data].flatMap((value) => (value > 0.75 ? [1, 0] : [0, 1])))),
    lossGradient: async (x: { data: Float32Array; shape: readonly number[] }) => ({
      logits: await model.logits(x),
      loss: Float32Array.from(x.data, (value) => (value > 0.75 ? -1 : 1)),
      gradient: tensor([x.shape[0]!, 1]),
    }),
  };
  const attack = brendelBethge({ steps: 5 });
  const { samples } = await run(model, tensor([1, 1], Float32Array.of(1)), [0], l2(Infinity), {
    attack,
    activeSet: false,
  });
  expect(samples[0]!.status).toBe("broken");
  expect(samples[0]!.distance).toBeCloseTo(0.25, 2);
});

test("fails with the reason where nothing is adversarial to start from", async () => {
  const constant = linear([new Array(4).fill(0), new Array(4).fill(0)], [1, 0]);
  const { samples } = await run(constant, tensor([1, 4]), [0], l2(1), { attack: brendelBethge({ steps: 3 }) });
  expect(samples[0]!.status).toBe("failed");
  expect(samples[0]!.message).toMatch(/no starting point/);
});

const key: Draw = { seed: 0, stream: 7, sample: 0, step: 0 };

function numbers(count: number, draw: Draw): Float64Array {
  return Float64Array.from(fillNormal(new Float32Array(count), draw));
}

/** A point of the unit box on its way to another. */
function randomProblem(seed: number): StepProblem {
  const x = Float64Array.from(fillUniform(new Float32Array(12), { ...key, seed, step: 1 }));
  const origin = fillUniform(new Float32Array(12), { ...key, seed, step: 2 });
  return {
    home: x.map((each, j) => origin[j]! - each),
    lower: x.map((each) => -each),
    upper: x.map((each) => 1 - each),
    slope: numbers(12, { ...key, seed, step: 3 }),
    rise: numbers(1, { ...key, seed, step: 4 })[0]!,
    radius: [0.1, 0.3, 0.6, 2][seed % 4]!,
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, each, j) => sum + each * b[j]!, 0);
}

function sizeOf(norm: BallNorm, home: Float64Array, step: Float64Array): number {
  const left = [...home].map((each, j) => Math.abs(each - step[j]!));
  if (norm === "linf") return Math.max(...left);
  return norm === "l1" ? left.reduce((sum, each) => sum + each, 0) : Math.hypot(...left);
}
