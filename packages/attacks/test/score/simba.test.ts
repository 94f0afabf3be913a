import { takeRows, tensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { l2, linf, run, simba } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

describeAttack({ attack: simba({ steps: 60, stepSize: 0.2 }) });
describeAttack({ attack: simba({ steps: 36, basis: "dct", stepSize: 0.3 }) });

// Class 0 while 2a - b > 0.5.
const plane = linear(
  [
    [2, -1, 0],
    [0, 0, 0],
  ],
  [0, 0.5],
);

test("takes one step of each feature in the direction that helps, and none of one that does not matter", async () => {
  const x = tensor([1, 3], Float32Array.of(0.6, 0.5, 0.5)); // margin 0.2
  const { samples } = await run(plane, x, [0], l2(Infinity), { attack: simba({ stepSize: 0.08 }) });
  expect(samples[0]!.status).toBe("broken");
  const [a, b, c] = samples[0]!.adversarial!;
  expect(a).toBeCloseTo(0.52, 5);
  expect(b).toBeCloseTo(0.58, 5);
  expect(c).toBe(0.5);
});

test("stands where all steps together are too short, after at most two queries for each feature", async () => {
  const x = tensor([1, 3], Float32Array.of(0.6, 0.5, 0.5));
  const { samples } = await run(plane, x, [0], l2(Infinity), { attack: simba({ stepSize: 0.05 }) });
  expect(samples[0]!.status).toBe("robust");
  expect(samples[0]!.margin).toBeCloseTo(0.05, 5);
  // a: one or two queries, b: one or two, c: two; the clean pass, and two evaluations of where it is.
  expect(samples[0]!.forward).toBeGreaterThanOrEqual(7);
  expect(samples[0]!.forward).toBeLessThanOrEqual(9);
});

test("a larger step than the ball ends on its surface", async () => {
  const x = tensor([1, 3], Float32Array.of(0.6, 0.5, 0.5));
  const { samples } = await run(plane, x, [0], linf(0.07), { attack: simba() });
  expect(samples[0]!.status).toBe("broken");
  expect(samples[0]!.distance).toBeCloseTo(0.07, 5);
});

test("moves towards a target", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 10, 3);
  const targets = labels.map((label) => (label + 1) % 4);
  const criterion = { type: "targeted", targets } as const;
  const { samples } = await run(model, x, labels, l2(1.5), { attack: simba(), criterion });
  const broken = samples.filter(({ status }) => status === "broken");
  expect(broken.length).toBeGreaterThan(2);
  for (const { adversarialPrediction, target } of broken) expect(adversarialPrediction).toBe(target);
});

test("waves have length 1 and are tried from the longest on", async () => {
  // A model that only sees the mean is broken by the first wave of a one-channel image, whatever their order within the block.
  const mean = Array.from({ length: 64 }, () => 1 / 8); // of length 1
  const model = { ...linear([mean, mean.map(() => 0)], [0, 3.9]), inputShape: [1, 8, 8] };
  const x = tensor([1, 1, 8, 8], new Float32Array(64).fill(0.5)); // score 4, margin 0.1
  const { samples } = await run(model, x, [0], l2(Infinity), { attack: simba({ basis: "dct", steps: 1 }) });
  expect(samples[0]!.status).toBe("broken");
  expect(samples[0]!.distance).toBeCloseTo(0.2, 5);
});

test("the cosine basis needs images", async () => {
  const x = tensor([1, 3], Float32Array.of(0.6, 0.5, 0.5));
  const running = run(plane, takeRows(x, [0]), [0], l2(1), { attack: simba({ basis: "dct" }) });
  await expect(running).rejects.toThrow("SimBA-DCT: expected images, got an input of [3]");
});
