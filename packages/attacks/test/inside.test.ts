import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Attack,
  apgdCe,
  apgdDlr,
  type BallNorm,
  fgsm,
  gaussianNoise,
  hopSkipJump,
  pgd,
  run,
  saltAndPepper,
  square,
  threats,
  uniformNoise,
} from "../src/index.ts";
import { mlp, predictions, samplesFor } from "./classifiers.ts";

const attacks: readonly Attack[] = [
  fgsm(),
  pgd({ steps: 5, stepSize: 0.4 }),
  pgd({ steps: 5, stepSize: 0.4, momentum: 1, restarts: 1 }),
  apgdCe({ steps: 10 }),
  apgdDlr({ steps: 10 }),
  square({ queries: 20 }),
  hopSkipJump({ iterations: 2, initialEvaluations: 20 }),
  gaussianNoise({ repeats: 3 }),
  uniformNoise({ repeats: 3 }),
  saltAndPepper({ steps: 10, repeats: 1 }),
];

const cases = attacks.flatMap((attack) =>
  attack.norms.map((norm) => ({ attack, norm: norm as BallNorm, name: attack.name })),
);

describe.each(cases)("$name in $norm", ({ attack, norm }) => {
  test("what it breaks is in the ball, in the bounds and misclassified", async () => {
    const setting = fc.record({ seed: fc.nat(1000), epsilon: fc.double({ min: 0.01, max: 1.5, noNaN: true }) });
    await fc.assert(
      fc.asyncProperty(setting, async ({ seed, epsilon }) => {
        const model = mlp([1, 6, 6], 8, 4, seed);
        const [x, labels] = await samplesFor(model, 6, seed);
        const before = x.data.slice();
        const scaled = norm === "l1" ? 5 * epsilon : epsilon;
        const result = await run(model, x, labels, threats[norm](scaled), { attack, seed });
        for (const [row, { status, adversarial, distance }] of result.samples.entries()) {
          if (status !== "broken") continue;
          const change = adversarial!.map((value, j) => value - x.data[row * 36 + j]!);
          const size = { linf: largest(change), l2: Math.hypot(...change), l1: sum(change) }[norm];
          expect(size).toBeLessThanOrEqual(scaled * (1 + 1e-5) + 1e-6);
          expect(distance).toBeCloseTo(size, 5);
          expect(Math.min(...adversarial!)).toBeGreaterThanOrEqual(0);
          expect(Math.max(...adversarial!)).toBeLessThanOrEqual(1);
          const logits = await model.logits({ dtype: "float32", shape: [1, 1, 6, 6], data: adversarial! });
          expect(predictions(logits)[0]).not.toBe(labels[row]);
        }
        expect(x.data).toEqual(before);
        const [point] = result.curve;
        expect(point!.broken + point!.robust + point!.wrong + point!.failed).toBe(6);
      }),
      { numRuns: 8 },
    );
  });

  test("does not depend on the batch size, to the bit", async () => {
    const model = mlp([1, 6, 6], 8, 4, 3);
    const [x, labels] = await samplesFor(model, 9, 3);
    const threat = threats[norm](norm === "l1" ? 3 : 0.5);
    const [one, two, all] = await Promise.all(
      [1, 2, 64].map((batchSize) => run(model, x, labels, threat, { attack, seed: 5, batchSize })),
    );
    expect(one!.samples).toEqual(all!.samples);
    expect(two!.samples).toEqual(all!.samples);
    expect(all!.curve[0]!.failed).toBe(0);
  });

  test("does not depend on what else is in the data set, to the bit", async () => {
    if (attack.access === "decision") return expect(attack.aim).toBe("nearest"); // these may start from other samples
    const model = mlp([1, 6, 6], 8, 4, 3);
    const [x, labels] = await samplesFor(model, 9, 3);
    const threat = threats[norm](norm === "l1" ? 3 : 0.5);
    const all = await run(model, x, labels, threat, { attack, seed: 5 });
    const alone = { ...x, shape: [1, 1, 6, 6], data: x.data.slice(4 * 36, 5 * 36) };
    const one = await run(model, alone, [labels[4]!], threat, { attack, seed: 5, indices: [4] });
    expect(one.samples[0]).toEqual(all.samples[4]);
  });
});

function largest(change: Float32Array): number {
  return change.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
}

function sum(change: Float32Array): number {
  return change.reduce((total, each) => total + Math.abs(each), 0);
}
