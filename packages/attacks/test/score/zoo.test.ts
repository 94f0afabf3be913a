import { tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { l2, run, zoo } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

const quick = { steps: 20, coordinates: 18, binarySearchSteps: 3, initialConstant: 0.1 };

describeAttack({ attack: zoo({ ...quick, learningRate: 0.05 }) });
describeAttack({ attack: zoo({ ...quick, learningRate: 0.05, importance: true, confidence: 0.1 }) });

const weights = [1, -2, 0.5, 0];
const plane = linear([weights, weights.map(() => 0)], [0.45, 0]);
const middle = tensor([1, 4], new Float32Array(4).fill(0.5)); // margin 0.2
const nearest = 0.2 / Math.hypot(...weights);

test.each([4, 2])("comes to the nearest point of a linear boundary, %i features at a time", async (coordinates) => {
  const attack = zoo({ steps: 400, coordinates, learningRate: 0.005 });
  const { samples } = await run(plane, middle, [0], l2(1), { attack, activeSet: false });
  expect(samples[0]!.distance).toBeGreaterThan(nearest * (1 - 1e-5));
  expect(samples[0]!.distance).toBeLessThan(nearest * 1.05);
});

test("asks twice for each feature it moves, and once for where it is", async () => {
  const far = linear([weights, weights.map(() => 0)], [100, 0]);
  const attack = zoo({ steps: 10, coordinates: 3, binarySearchSteps: 2, abortEarly: false });
  const { samples } = await run(far, middle, [0], l2(1), { attack });
  expect(samples[0]).toMatchObject({ status: "robust", forward: 1 + 2 * 10 * 7 + 1 });
});

test("leaves a constant that brings nothing more", async () => {
  const flat = linear([weights.map(() => 0), weights.map(() => 0)], [1, 0]);
  const attack = zoo({ steps: 100, coordinates: 2, binarySearchSteps: 1 });
  const { samples } = await run(flat, middle, [0], l2(1), { attack });
  expect(samples[0]!.forward).toBe(1 + 11 * 5 + 1); // stopped by the second look, at step 10
});

test("finds points of the target's class", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 5, 3);
  const targets = labels.map((label) => (label + 1) % 4);
  const attack = zoo({ ...quick, steps: 60, coordinates: 36, learningRate: 0.05, initialConstant: 1 });
  const criterion = { type: "targeted", targets } as const;
  const { samples } = await run(model, x, labels, l2(6), { attack, criterion });
  const broken = samples.filter(({ status }) => status === "broken");
  expect(broken.length).toBeGreaterThan(2);
  for (const { adversarialPrediction, target } of broken) expect(adversarialPrediction).toBe(target);
});

test("by importance it stays in the region that matters", async () => {
  // Only the upper left corner of 16 × 16 matters: from the time all have had their turn, no other region is drawn.
  const corner = Array.from({ length: 256 }, (_, j) => (j % 16 < 2 && j < 32 ? 1 : 0));
  const model = { ...linear([corner, corner.map(() => 0)], [0, 1.9]), inputShape: [1, 16, 16] };
  const x = tensor([1, 1, 16, 16], new Float32Array(256).fill(0.5)); // margin 0.1
  const queries = async (importance: boolean): Promise<number> => {
    const attack = zoo({ steps: 300, coordinates: 16, binarySearchSteps: 1, initialConstant: 1, importance });
    const { samples } = await run(model, x, [0], l2(0.2), { attack });
    expect(samples[0]!.status).toBe("broken");
    return samples[0]!.forward;
  };
  expect(await queries(true)).toBeLessThan(0.7 * (await queries(false)));
});
