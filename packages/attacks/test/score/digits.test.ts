import { takeRows } from "@casemate/tensor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Attack, l0, l2, type OnnxClassifier, pixle, run, simba, type Threat } from "../../src/index.ts";
import { openDigits, readDigits } from "../digits.ts";

// Figures of other implementations on the first digits, which mnist-standard all gets right, with the same budgets:
// Pixle of torchattacks 3.5.1, 20 rounds of 10; SimBA of the Adversarial Robustness Toolbox, 784 steps of 0.2. Their random
// numbers are others, so means are compared.

let model: OnnxClassifier;
beforeAll(async () => {
  model = await openDigits("mnist-standard");
});
afterAll(() => model.dispose());

async function brokenOf(attack: Attack, threat: Threat, count: number) {
  const { x, labels } = await readDigits();
  const first = Array.from({ length: count }, (_, index) => index);
  const { samples } = await run(model, takeRows(x, first), labels.slice(0, count), threat, { attack });
  const broken = samples.filter(({ status }) => status === "broken");
  return { broken: broken.length, mean: broken.reduce((sum, { distance }) => sum + distance!, 0) / broken.length };
}

test("Pixle breaks 40 of 40 digits as torchattacks does, changing 102 pixels in the mean", async () => {
  const { broken, mean } = await brokenOf(pixle(), l0(784), 40);
  expect(broken).toBe(40);
  expect(mean / 102.3).toBeGreaterThan(0.85);
  expect(mean / 102.3).toBeLessThan(1.05);
});

test("SimBA breaks 5 of 5 digits as ART does, at an L2 distance of 3.04 in the mean", async () => {
  const { broken, mean } = await brokenOf(simba({ steps: 784 }), l2(Infinity), 5);
  expect(broken).toBe(5);
  expect(mean / 3.039).toBeGreaterThan(0.9);
  expect(mean / 3.039).toBeLessThan(1.1);
});
