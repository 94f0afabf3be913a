import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { deepFool, l2, linf, run, threats } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { closedForm } from "./closed-form.ts";

describeAttack({ attack: deepFool({ steps: 10, overshoot: 0.05 }) });

describe.each(["l2", "linf"] as const)("DeepFool in %s", (norm) => {
  test("goes to the nearest boundary of a linear classifier, and the overshoot beyond", async () => {
    const { model, x, labels, distances } = closedForm(norm);
    const { samples } = await run(model, x, labels, threats[norm](Infinity), { attack: deepFool() });
    for (const [row, { distance, backward }] of samples.entries()) {
      const range = 100; // of the bounds, which the authors' constant is in units of
      expect(distance! / (1.02 * (distances[row]! + 1e-4 * range))).toBeCloseTo(1, 5);
      expect(backward).toBe(model.classes - 1); // one step
    }
  });
});

test("DeepFool considers only as many classes as candidates", async () => {
  // From the origin class 1 is next in score, class 2 in distance.
  const model = linear([[0], [1], [20]], [1, 0.5, -2], { lower: -5, upper: 5 });
  const [x, labels] = [tensor([1, 1]), [0]];
  const near = await run(model, x, labels, l2(Infinity), { attack: deepFool({ candidates: 3 }) });
  const narrow = await run(model, x, labels, l2(Infinity), { attack: deepFool({ candidates: 2 }) });
  expect(near.samples[0]).toMatchObject({ adversarialPrediction: 2, backward: 2 });
  expect(near.samples[0]!.distance).toBeCloseTo(1.02 * (0.15 + 1e-3), 5);
  expect(narrow.samples[0]!.distance).toBeCloseTo(1.02 * (0.5 + 1e-3), 5);
});

test("DeepFool leaves a sample robust that nothing leads away from", async () => {
  const constant = linear([[0], [0]], [1, 0]);
  const { samples } = await run(constant, tensor([1, 1]), [0], linf(1), { attack: deepFool({ steps: 3 }) });
  expect(samples[0]).toMatchObject({ status: "robust", backward: 3 });
});

test("DeepFool refuses targets", async () => {
  const model = mlp([4], 4, 3, 1);
  const [x, labels] = await samplesFor(model, 1, 1);
  const criterion = { type: "targeted", targets: [(labels[0]! + 1) % 3] } as const;
  const running = run(model, x, labels, l2(1), { attack: deepFool(), criterion });
  await expect(running).rejects.toThrow("DeepFool: expected misclassification as the criterion, got targets");
});
