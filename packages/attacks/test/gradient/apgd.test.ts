import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { apgdCe, apgdDlr, apgdT, type GradientClassifier, type Loss, l1, linf, run } from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

describeAttack({ attack: apgdCe({ steps: 10 }) });
describeAttack({ attack: apgdDlr({ steps: 10, eotIterations: 2 }) });
describeAttack({ attack: apgdT({ steps: 10, targets: 2 }) });
describeAttack({ attack: apgdCe({ steps: 10, restarts: 1, shrinkingBall: false }) });

/** Notes which losses are asked for, with the targets of the first sample. */
function watched(model: GradientClassifier): GradientClassifier & { readonly asked: [Loss, number | undefined][] } {
  const asked: [Loss, number | undefined][] = [];
  return {
    ...model,
    asked,
    lossGradient(x, labels, loss, feeds) {
      asked.push([loss, feeds?.targets?.[0]]);
      return model.lossGradient(x, labels, loss, feeds);
    },
  };
}

describe("APGD-T", () => {
  test("climbs towards the next-best classes of the clean sample in their order, from other starts", async () => {
    const model = watched(linear([[0], [0.1], [-0.1], [0], [0]], [9, 1, 4, 2, 3]));
    const x = tensor([1, 1], Float32Array.of(0.5));
    const result = await run(model, x, [0], linf(0.1), { attack: apgdT({ steps: 2, targets: 3 }) });
    expect(model.asked).toEqual([2, 2, 4, 4, 3, 3].map((target) => ["targeted-dlr", target]));
    expect(result.loss).toBe("targeted-dlr");
    expect(result.samples[0]).toMatchObject({ status: "robust", forward: 11, backward: 6 });
  });

  test.each([
    [2, "targeted-margin", 2],
    [3, "targeted-margin", 4],
    [4, "targeted-dlr", 6],
  ] as const)("with %i classes climbs the %s, towards all others", async (classes, loss, gradients) => {
    const model = watched(mlp([4], 3, classes, 5));
    const [x, labels] = await samplesFor(model, 1, 5);
    const result = await run(model, x, labels, linf(1e-6), { attack: apgdT({ steps: 2 }) });
    expect(model.asked.map(([each]) => each)).toEqual(new Array(gradients).fill(loss));
    expect(result.loss).toBe(loss);
  });

  test("under a targeted criterion has the one target", async () => {
    const model = watched(mlp([4], 3, 5, 5));
    const [x, labels] = await samplesFor(model, 1, 5);
    const target = (labels[0]! + 2) % 5;
    const criterion = { type: "targeted", targets: [target] } as const;
    await run(model, x, labels, linf(1e-6), { attack: apgdT({ steps: 3 }), criterion });
    expect(model.asked).toEqual(new Array(3).fill(["targeted-dlr", target]));
  });

  test("breaks at the first target that can be reached, and goes no further", async () => {
    const model = watched(linear([[0], [0], [40], [0], [0]], [9, 8, -20, 2, 3]));
    const x = tensor([1, 1], Float32Array.of(0.5));
    const { samples } = await run(model, x, [0], linf(0.3), { attack: apgdT({ steps: 20 }) });
    expect(samples[0]).toMatchObject({ status: "broken", adversarialPrediction: 2 });
    expect(new Set(model.asked.map(([, target]) => target))).toEqual(new Set([1, 4, 3, 2]));
  });
});

describe("APGD in L1", () => {
  // Slopes of 0.02, 0.04 … 0.8; each feature can rise by 0.2, and it takes the steepest 15 to make up for the margin.
  const slopes = Array.from({ length: 40 }, (_, j) => (j + 1) / 50);
  const x = tensor([1, 40], new Float32Array(40).fill(0.8));
  const margin = 0.2 * slopes.slice(-15).reduce((sum, each) => sum + each, 0);
  const model = linear([slopes.map(() => 0), slopes], [0, -margin - 0.8 * slopes.reduce((sum, each) => sum + each, 0)]);
  const needed = 15 * 0.2;

  test.each([true, false])(
    "spends the ball on the steepest features, up to the bounds (shrinking ball: %s)",
    async (shrinkingBall) => {
      const attack = apgdCe({ shrinkingBall });
      const at = async (epsilon: number) => (await run(model, x, [0], l1(epsilon), { attack })).samples[0]!.status;
      expect([await at(0.99 * needed), await at(1.25 * needed)]).toEqual(["robust", "broken"]);
    },
  );

  test("counts nothing that is only in the larger balls of its first steps", async () => {
    const { samples } = await run(model, x, [0], l1(needed / 2), { attack: apgdCe({ steps: 20 }) });
    expect(samples[0]).toMatchObject({ status: "robust" });
    expect(samples[0]!.margin).toBeGreaterThan(0.2 * margin); // in twice the ball it would be 0
  });
});

test("with EOT a step follows the mean gradient of a randomised model, and its loss is the last", async () => {
  // Of three gradients two point down, so a single one may mislead; their mean points up.
  const slopes = [-1, 5, -1];
  let evaluation = 0;
  const steps: number[] = [];
  const model: GradientClassifier = {
    ...linear([[0], [0]], [1, 0]),
    async lossGradient(batch) {
      if (evaluation % 3 === 0) steps.push(batch.data[0]!);
      const slope = slopes[evaluation++ % 3]!;
      return {
        logits: tensor([1, 2], Float32Array.of(1, 0)),
        loss: Float32Array.of(0),
        gradient: tensor([1, 1], Float32Array.of(slope)),
      };
    },
  };
  const x = tensor([1, 1], Float32Array.of(0.5));
  const { samples } = await run(model, x, [0], linf(0.1), { attack: apgdCe({ steps: 4, eotIterations: 3 }) });
  expect(steps[1]).toBe(Math.fround(0.6));
  expect(samples[0]).toMatchObject({ status: "robust", backward: 12 });
});
