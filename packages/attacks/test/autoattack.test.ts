import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { apgdCe, apgdT, autoAttack, type BallNorm, fabT, linf, run, square, threats } from "../src/index.ts";
import { linear, mlp, samplesFor } from "./classifiers.ts";
import { describeAttack } from "./describe-attack.ts";

const stages = [
  apgdCe({ steps: 4 }),
  apgdT({ steps: 4, targets: 2 }),
  fabT({ steps: 4, targets: 2 }),
  square({ queries: 20 }),
];
const short = { ...autoAttack(), stages, parameters: { version: "short" } };
describeAttack({ attack: short, epsilons: { l2: 0.2, l1: 0.2 } });

/** Nothing breaks it, so every stage runs to its end. */
const constant = {
  ...linear(
    [0, 1, 2, 3].map(() => new Array(25).fill(0)),
    [3, 2, 1, 0],
  ),
  inputShape: [1, 5, 5],
};
const grey = tensor([1, 1, 5, 5], new Float32Array(25).fill(0.5));

describe.each([
  ["standard", "linf", ["APGD-CE 100", "APGD-T 300", "FAB-T 300", "Square 0"]],
  ["standard", "l2", ["APGD-CE 100", "APGD-T 300", "FAB-T 300", "Square 0"]],
  ["standard", "l1", ["APGD-CE 510", "APGD-T 306", "FAB-T 300", "Square 0"]], // every ball takes one more, at its start
  ["plus", "linf", ["APGD-CE 500", "APGD-DLR 500", "FAB 1500", "Square 0", "APGD-T 300", "FAB-T 300"]],
  ["rand", "linf", ["APGD-CE 2000", "APGD-DLR 2000"]],
] as const)("AutoAttack %s in %s", (version, norm, expected) => {
  test("is made of the authors' stages, with as many gradients", async () => {
    const attack = autoAttack({ version });
    const passes = new Map<string, number>();
    let before = 0;
    const result = await run(constant, grey, [0], threats[norm as BallNorm](0.1), {
      attack,
      onProgress({ stage, queries: { backward } }) {
        passes.set(stage, (passes.get(stage) ?? 0) + backward - before);
        before = backward;
      },
    });
    expect(result.samples[0]).toMatchObject({ status: "robust" });
    expect([...passes].map(([stage, count]) => `${stage} ${count}`)).toEqual(expected);
  });
});

test("says which member broke a sample, and attacks it no further", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 10, 3);
  const blind = {
    ...model,
    async lossGradient(...args: Parameters<typeof model.lossGradient>) {
      const result = await model.lossGradient(...args);
      result.gradient.data.fill(0);
      return result;
    },
  };
  const options = { attack: { ...short, stages: [apgdCe({ steps: 2 }), square({ queries: 100 })] } };
  const { samples } = await run(blind, x, labels, linf(0.3), options);
  const broken = samples.filter(({ status }) => status === "broken");
  expect(new Set(broken.map(({ stage }) => stage))).toEqual(new Set(["APGD-CE", "Square"]));
  for (const { stage, backward } of broken) expect(backward).toBe(stage === "Square" ? 2 : 1);
});
