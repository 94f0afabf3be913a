import { fillNormal, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { jsma, l0, run, sparseFool } from "../../src/index.ts";
import { bestPair } from "../../src/minimum-norm/jsma.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { plane } from "../plane.ts";

describeAttack({ attack: jsma({ gamma: 0.5 }) });
describeAttack({ attack: jsma({ theta: -0.5, gamma: 0.5 }) });
describeAttack({ attack: sparseFool({ iterations: 4, deepFoolSteps: 5 }) });

// Class 0 while the sum of features, weighted 5, 4, 3, 2, 1, 1, is below 10. All start at 0, so the first three at 1 are enough
// (12), and no two are.
const weights = [5, 4, 3, 2, 1, 1];
const sum = linear([weights.map((each) => -each), weights], [10, -10]);
const zeros = tensor([1, 6]);

const attacks = [sparseFool({ lambda: 1 }), jsma({ gamma: 1 })].map((attack) => ({ attack, name: attack.name }));
describe.each(attacks)("$name", ({ attack }) => {
  test("changes the steepest features of a linear model", async () => {
    const { samples } = await run(sum, zeros, [0], l0(Infinity), { attack, activeSet: false });
    const changed = [...samples[0]!.adversarial!].flatMap((value, j) => (value === 0 ? [] : [j]));
    // JSMA changes features in pairs.
    expect(changed).toEqual(attack.name === "JSMA" ? [0, 1, 2, 3] : [0, 1, 2]);
  });

  test("leaves a sample that no change of the bounds' length can break", async () => {
    const far = linear([weights.map((each) => -each), weights], [50, -50]);
    const { samples } = await run(far, zeros, [0], l0(Infinity), { attack });
    expect(samples[0]!.status).toBe("robust");
  });

  test("stands still where the gradient is zero", async () => {
    const flat = linear([new Array(6).fill(0), new Array(6).fill(0)], [1, 0]);
    const { samples } = await run(flat, zeros, [0], l0(6), { attack });
    expect(samples[0]!.status).toBe("robust");
  });
});

test("SparseFool crosses a plane by one feature where the bounds are far", async () => {
  const { model, x, labels } = plane();
  const { samples } = await run(model, x, labels, l0(Infinity), { attack: sparseFool(), activeSet: false });
  for (const { distance } of samples) expect(distance).toBe(1);
});

test("SparseFool refuses targets", async () => {
  const criterion = { type: "targeted", targets: [1] } as const;
  await expect(run(sum, zeros, [0], l0(6), { attack: sparseFool(), criterion })).rejects.toThrow(
    "SparseFool: expected misclassification as the criterion, got targets",
  );
});

test("JSMA raises the target's logit over all others", async () => {
  // Class k is feature k, and a fifth feature speaks for class 3 against all others.
  const rows = [0, 1, 2, 3].map((k) => [0, 1, 2, 3, 4].map((j) => (j === k ? 1 : j < 4 ? -0.1 : k === 3 ? 0.5 : -0.5)));
  const x = tensor([1, 5], Float32Array.of(0.5, 0.2, 0.1, 0, 0));
  const criterion = { type: "targeted", targets: [3] } as const;
  const attack = jsma({ gamma: 1, theta: 0.6 });
  const { samples } = await run(linear(rows, [0, 0, 0, 0]), x, [0], l0(Infinity), { attack, criterion });
  expect(samples[0]).toMatchObject({ status: "broken", adversarialPrediction: 3, distance: 2 });
  expect([...samples[0]!.adversarial!.subarray(3)]).toEqual([...Float32Array.of(0.6, 0.6)]);
});

test("the best pair is the one that an exhaustive search finds", () => {
  for (let seed = 0; seed < 50; seed++) {
    const values = fillNormal(new Float32Array(60), { seed, stream: 1, sample: 0, step: 0 });
    const [gains, losses] = [[...values.subarray(0, 30)], [...values.subarray(30)]];
    let [best, largest] = [undefined as number[] | undefined, 0];
    for (let p = 0; p < 30; p++) {
      for (let q = p + 1; q < 30; q++) {
        const [gain, loss] = [gains[p]! + gains[q]!, losses[p]! + losses[q]!];
        if (gain > 0 && loss > 0 && gain * loss > largest) [best, largest] = [[p, q], gain * loss];
      }
    }
    expect(bestPair(gains, losses)?.sort((a, b) => a - b)).toEqual(best);
  }
  expect(bestPair([1, 1, 1], [-1, -1, -1])).toBeUndefined();
});
