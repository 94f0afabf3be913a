import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { fab, fabT, run, threats } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

describeAttack({ attack: fab({ steps: 5, restarts: 1 }) });
describeAttack({ attack: fabT({ steps: 5, targets: 2 }) });

// Logits 0, 4a + 3b − c − 4 and −a − b − 1, so that from the middle of the box class 1 is nearest.
const weights = [
  [0, 0, 0],
  [4, 3, -1],
  [-1, -1, 0],
];
const bias = [0, -4, -1];
const middle = tensor([1, 3], Float32Array.of(0.5, 0.5, 0.5));

describe.each([fab(), fabT(), fab({ restarts: 1 })])("$name on a linear model", (attack) => {
  // The margin to class 1 is 4 − 3 = 1, divided by the dual norm of (4, 3, −1).
  test.each([
    ["linf", 1 / 8],
    ["l2", 1 / Math.sqrt(26)],
    ["l1", 1 / 4],
  ] as const)("finds the smallest change in %s", async (norm, distance) => {
    const { samples } = await run(linear(weights, bias), middle, [0], threats[norm](Infinity), { attack });
    expect(samples[0]!.distance! / distance).toBeGreaterThan(1 - 1e-5);
    expect(samples[0]!.distance! / distance).toBeLessThan(1.006);
  });

  // From (0.9, 0.5, 0) the third feature is at its end and the first has 0.1 left; the second has to do the rest.
  test("takes the smallest change that the bounds allow", async () => {
    const model = linear([weights[0]!, [4, 3, -1]], [0, -6.5]);
    const x = tensor([1, 3], Float32Array.of(0.9, 0.5, 0));
    const { samples } = await run(model, x, [0], threats.linf(Infinity), { attack });
    const distance = (6.5 - 3.6 - 1.5 - 0.4) / 3;
    expect(samples[0]!.distance! / distance).toBeGreaterThan(1 - 1e-5);
    expect(samples[0]!.distance! / distance).toBeLessThan(1.006);
  });

  test("reaches a target class, though another is nearer", async () => {
    const model = linear([...weights.slice(0, 2), [-2, -2, 2]], [0, -5, 0]);
    const criterion = { type: "targeted", targets: [2] } as const;
    const { samples } = await run(model, middle, [0], threats.linf(Infinity), { attack, criterion });
    expect(samples[0]).toMatchObject({ status: "broken", adversarialPrediction: 2 });
    expect(samples[0]!.distance! * 6).toBeGreaterThan(1 - 1e-5); // margin 1, dual norm 6
    expect(samples[0]!.distance! * 6).toBeLessThan(1.006);
  });

  test("finds nothing where the logits do not depend on the input", async () => {
    const model = linear([[0], [0], [0]], [1, 0, 0]);
    const { samples } = await run(model, tensor([1, 1], Float32Array.of(0.5)), [0], threats.l2(Infinity), { attack });
    expect(samples[0]!.status).toBe("robust");
  });
});

test("FAB-T tries no more classes than there are, and the next-best first", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 4, 3);
  const passes = async (targets: number) => {
    const attack = fabT({ steps: 4, targets });
    const { samples } = await run(model, x, labels, threats.linf(1e-6), { attack });
    return samples[0]!.backward;
  };
  expect([await passes(1), await passes(2), await passes(9)]).toEqual([4, 8, 12]);
});

test("one run of FAB answers for every radius", async () => {
  const model = linear(weights, bias);
  const epsilons = [0.05, 0.12, 0.13, 0.5];
  const { curve } = await run(model, middle, [0], { norm: "linf", epsilons }, { attack: fab(), activeSet: false });
  expect(curve.map(({ broken }) => broken)).toEqual([0, 0, 1, 1]);
});
