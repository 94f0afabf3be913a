import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  type BallNorm,
  carliniWagnerL0,
  carliniWagnerL2,
  carliniWagnerLinf,
  elasticNet,
  l2,
  run,
  threats,
} from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { closedForm } from "./closed-form.ts";

const quick = { iterations: 20, learningRate: 0.1 };
describeAttack({ attack: carliniWagnerL2({ ...quick, searches: 4, initialConstant: 0.1 }) });
describeAttack({ attack: carliniWagnerL2({ ...quick, searches: 4, initialConstant: 0.1, confidence: 0.1 }) });
describeAttack({ attack: carliniWagnerLinf({ ...quick, initialConstant: 0.1 }) });
describeAttack({ attack: carliniWagnerL0({ ...quick, initialConstant: 0.1, largestConstant: 100 }) });
describeAttack({ attack: elasticNet({ searches: 4, iterations: 20, initialConstant: 0.1 }) });
describeAttack({ attack: elasticNet({ rule: "EN", searches: 4, iterations: 20, initialConstant: 0.1 }) });

const cases = [
  { attack: carliniWagnerL2({ iterations: 200 }), norm: "l2", tolerance: 0.01 },
  { attack: carliniWagnerLinf({ iterations: 100, decreaseFactor: 0.99 }), norm: "linf", tolerance: 0.02 },
  { attack: carliniWagnerL0({ iterations: 100 }), norm: "l0", tolerance: 0 },
  { attack: elasticNet({ iterations: 300, beta: 0.01 }), norm: "l1", tolerance: 0.03 },
].map((each) => ({ ...each, norm: each.norm as BallNorm, name: each.attack.name }));

describe.each(cases)("$name on a linear classifier", ({ attack, norm, tolerance }) => {
  test("comes near the closed-form distance", async () => {
    const { model, x, labels, distances } = closedForm(norm, { range: 6, classes: 2 });
    const { samples } = await run(model, x, labels, threats[norm](Infinity), { attack });
    for (const [row, { distance }] of samples.entries()) {
      expect(distance).toBeGreaterThan(distances[row]! * 0.9999);
      expect(distance! / distances[row]! - 1).toBeLessThanOrEqual(tolerance);
    }
  });

  test("reaches the target among three classes, at no less than the distance to the nearest", async () => {
    const { model, x, labels, targets, distances } = closedForm(norm, { range: 6 });
    const options = { attack, criterion: { type: "targeted", targets } as const };
    const { samples } = await run(model, x, labels, threats[norm](Infinity), options);
    for (const [row, { distance, adversarialPrediction }] of samples.entries()) {
      expect(adversarialPrediction).toBe(targets[row]);
      expect(distance).toBeGreaterThan(distances[row]! * 0.9999);
    }
  });

  test("leaves a sample robust whose class never changes, though zeros would be of another", async () => {
    const flat = linear([[0], [0]], [1, 0]);
    const other = linear([[0], [0]], [0, 1]);
    const at = (x: { data: Float32Array }) => (x.data[0] === 0 ? other : flat);
    const model = {
      ...flat,
      logits: (x) => at(x).logits(x),
      lossGradient: (x, ...rest) => at(x).lossGradient(x, ...rest),
    } satisfies typeof flat;
    const { samples } = await run(model, tensor([1, 1], Float32Array.of(0.5)), [0], threats[norm](1), { attack });
    expect(samples[0]).toMatchObject({ status: "robust" });
    expect(samples[0]!.backward).toBeGreaterThan(0);
  });
});

test.each([carliniWagnerL2(), carliniWagnerLinf(), carliniWagnerL0()])("$name refuses open bounds", async (attack) => {
  const open = linear([[1], [0]], [1, 0], { lower: 0, upper: Infinity });
  const running = run(open, tensor([1, 1]), [0], threats[attack.norms[0] as BallNorm](1), { attack });
  await expect(running).rejects.toThrow(`${attack.name}: expected a model with finite bounds, got [0, Infinity]`);
});

test.each([
  [carliniWagnerL2({ iterations: 100, confidence: 2 }), "l2"],
  [elasticNet({ iterations: 100, confidence: 2 }), "l1"],
] as const)("with confidence, %# goes as far beyond the boundary", async (attack, norm) => {
  const { model, x, labels } = closedForm(norm, { range: 6, classes: 2 });
  const { samples } = await run(model, x, labels, threats[norm](Infinity), { attack });
  for (const { margin } of samples) {
    expect(margin).toBeLessThanOrEqual(-2);
    expect(margin).toBeGreaterThan(-2.2);
  }
});

test("no sample waits for another: their passes are the same alone", async () => {
  const model = mlp([8], 6, 3, 2);
  const [x, labels] = await samplesFor(model, 6, 2);
  const attack = carliniWagnerL2({ iterations: 50 });
  const all = await run(model, x, labels, l2(Infinity), { attack });
  const passes = all.samples.map(({ backward }) => backward);
  expect(new Set(passes).size).toBeGreaterThan(1);
  expect(Math.max(...passes)).toBeLessThanOrEqual(9 * 50);
});

test("the elastic net leaves most features where they were", async () => {
  const model = mlp([36], 8, 4, 1);
  const [x, labels] = await samplesFor(model, 5, 1);
  const { samples } = await run(model, x, labels, threats.l1(Infinity), { attack: elasticNet({ iterations: 100 }) });
  for (const { sample, adversarial } of samples) {
    const changed = [...adversarial!].filter((value, j) => value !== x.data[sample * 36 + j]);
    expect(changed.length).toBeLessThan(24);
  }
});

test("by the EN rule the elastic net finds less distance², by the L1 rule less L1", async () => {
  const model = mlp([36], 8, 4, 1);
  const [x, labels] = await samplesFor(model, 5, 1);
  const [byL1, byNet] = await Promise.all(
    (["L1", "EN"] as const).map((rule) =>
      run(model, x, labels, threats.l1(Infinity), { attack: elasticNet({ rule, iterations: 100 }) }),
    ),
  );
  for (const [row, result] of byL1!.samples.entries()) {
    const origin = x.data.subarray(row * 36, (row + 1) * 36);
    const squares = (point: Float32Array) => point.reduce((sum, value, j) => sum + (value - origin[j]!) ** 2, 0);
    const elastic = ({ adversarial, distance }: typeof result) => squares(adversarial!) + 1e-3 * distance!;
    expect(elastic(byNet!.samples[row]!)).toBeLessThanOrEqual(elastic(result));
    expect(result.distance).toBeLessThanOrEqual(byNet!.samples[row]!.distance!);
  }
});
