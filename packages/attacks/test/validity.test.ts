import { readFile } from "node:fs/promises";
import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  apgdCe,
  apgdDlr,
  autoAttack,
  blackBoxWins,
  dynamicModel,
  type Evidence,
  fgsm,
  gradientMasking,
  hopSkipJump,
  linf,
  marginTies,
  outputsAreProbabilities,
  pgd,
  randomisedModel,
  run,
  spatial,
  square,
  tooFewClasses,
  validityWarningIds,
  zeroGradients,
} from "../src/index.ts";
import { linear, mlp, samplesFor } from "./classifiers.ts";

const guide = await readFile(new URL("../../../docs/guide/validity.md", import.meta.url), "utf8");

test.each(validityWarningIds)("%s has its paragraph in the guide", (id) => {
  const anchors = [...guide.matchAll(/^## (.+)$/gm)].map(([, title]) => title!.toLowerCase().replaceAll(" ", "-"));
  expect(anchors).toContain(id);
});

describe("randomised model", () => {
  test("fires where runs differ, and names its paragraph", async () => {
    const model = mlp([4], 5, 3, 1);
    const [x] = await samplesFor(model, 3, 1);
    let run = 0;
    const noisy = {
      ...model,
      async logits(input: typeof x) {
        const { shape, data } = await model.logits(input);
        return tensor(
          shape,
          data.map((value, i) => value + (i === 0 ? 0.01 * run++ : 0)),
        );
      },
    };
    const warning = await randomisedModel(noisy, x);
    expect(warning?.id).toBe("randomised-model");
    expect(warning?.documentation).toBe("docs/guide/validity.md#randomised-model");
  });

  test("keeps silent about a model that repeats itself", async () => {
    const model = mlp([4], 5, 3, 1);
    const [x] = await samplesFor(model, 70, 1);
    expect(await randomisedModel(model, x)).toBeUndefined();
  });
});

test.each([
  ["rows that add up to one", [0.2, 0.8, 1, 0], true],
  ["rows that do not", [0.2, 0.7, 1, 0], false],
  ["logits that happen to add up to one", [-1, 2, 0.5, 0.5], false],
])("probabilities: %s", (_, scores, fires) => {
  const warning = outputsAreProbabilities(tensor([2, 2], Float32Array.from(scores)));
  expect(warning?.id).toBe(fires ? "probabilities" : undefined);
});

test("margin ties are counted from one sample in a hundred", () => {
  const scores = (ties: number) =>
    tensor(
      [200, 3],
      Float32Array.from({ length: 600 }, (_, i) => [Math.floor(i / 3) < ties ? 2 : 1, 2, 0][i % 3]!),
    );
  expect(marginTies(scores(1))).toBeUndefined();
  expect(marginTies(scores(2))?.message).toBe("the two best scores are equal for 2 of 200 samples");
});

test("too few classes for DLR", () => {
  expect(tooFewClasses({ classes: 2 })?.message).toContain("needs 3 classes and the model has 2: the margin was used");
  expect(tooFewClasses({ classes: 3 })).toBeUndefined();
  expect(tooFewClasses({ classes: 3 }, true)?.id).toBe("too-few-classes");
});

test("APGD-DLR on two classes uses the margin and still breaks what can be broken", async () => {
  const model = linear(
    [
      [1, 1],
      [-1, -1],
    ],
    [-1, 1],
  );
  const x = tensor([1, 2], Float32Array.of(0.55, 0.5));
  const { curve, loss } = await run(model, x, [0], linf(0.03), { attack: apgdDlr({ steps: 5 }) });
  expect(curve[0]!.broken).toBe(1);
  expect(loss).toBe("margin");
});

test("zero gradients are seen by a run and warned of", async () => {
  const model = mlp([4], 5, 3, 1);
  const [x, labels] = await samplesFor(model, 3, 1);
  const flat = {
    ...model,
    async lossGradient(...args: Parameters<typeof model.lossGradient>) {
      const result = await model.lossGradient(...args);
      result.gradient.data.subarray(0, 8).fill(0);
      return result;
    },
  };
  const result = await run(flat, x, labels, linf(1e-6), { attack: fgsm() });
  expect(result.zeroGradients).toEqual({ count: 2, of: 3 });
  expect(zeroGradients(result.zeroGradients)?.message).toBe("the gradient is zero everywhere for 2 of 3 samples");
  expect(zeroGradients({ count: 0, of: 3 })).toBeUndefined();
});

/** What an attack would have left if it had broken the first `broken` of `of` samples. */
function evidence(attack: Evidence["attack"], broken: number, of = 500, epsilon = 0.3): Evidence {
  const samples = Array.from(
    { length: of },
    (_, sample) => ({ sample, status: sample < broken ? "broken" : "robust" }) as const,
  );
  return { attack, norm: "linf", epsilons: [0.1, epsilon], samples };
}

test("a graph with loops, branches or random numbers is warned of", () => {
  expect(dynamicModel(["Conv", "Relu", "Gemm"])).toBeUndefined();
  expect(dynamicModel(["Conv", "Loop", "RandomNormalLike", "Loop"])?.message).toBe(
    "the model decides at inference how to compute its answer (Loop, RandomNormalLike)",
  );
});

describe("gradient masking", () => {
  test.each([
    ["thirty points between FGSM and APGD", [evidence(fgsm(), 100), evidence(apgdCe(), 250)], 1],
    ["less than thirty points", [evidence(fgsm(), 100), evidence(apgdCe(), 249)], 0],
    ["ten points between PGD and APGD", [evidence(pgd(), 100), evidence(apgdCe(), 150)], 1],
    ["less than ten points", [evidence(pgd(), 100), evidence(apgdCe(), 149)], 0],
    [
      "ten points between PGD and Square on a part of the samples",
      [evidence(pgd(), 100), evidence(square(), 120, 200)],
      1,
    ],
    ["another epsilon", [evidence(pgd(), 100), evidence(apgdCe(), 300, 500, 0.2)], 0],
    ["more steps that break fewer", [evidence(pgd({ steps: 10 }), 200), evidence(pgd({ steps: 40 }), 195)], 1],
    [
      "more steps that break as many, nearly",
      [evidence(pgd({ steps: 10 }), 200), evidence(pgd({ steps: 40 }), 196)],
      0,
    ],
    ["PGD that breaks fewer than FGSM", [evidence(fgsm(), 200), evidence(pgd(), 100)], 1],
  ] as const)("%s", (_, results, count) => {
    expect(gradientMasking(results).map(({ id }) => id)).toEqual(new Array(count).fill("gradient-masking"));
  });

  test("does not count samples that one of the two failed on", () => {
    const failed = evidence(fgsm(), 0);
    const half = {
      ...failed,
      samples: failed.samples.map((each) => (each.sample < 60 ? { ...each, status: "failed" as const } : each)),
    };
    expect(gradientMasking([half, evidence(apgdCe(), 60)])).toEqual([]);
  });
});

describe("black box wins", () => {
  test("fires above 0.2 % that no gradient attack broke", () => {
    expect(blackBoxWins([evidence(apgdCe(), 100), evidence(pgd(), 99), evidence(square(), 101)])).toBeUndefined();
    expect(blackBoxWins([evidence(apgdCe(), 100), evidence(pgd(), 99), evidence(square(), 102)])?.message).toBe(
      "Square, without gradients, broke 2 of 500 samples that APGD-CE, PGD did not",
    );
    expect(blackBoxWins([evidence(apgdCe(), 10), evidence(hopSkipJump(), 20)])?.id).toBe("black-box-wins");
  });

  test("fires when Square breaks more than 0.2 % inside of AutoAttack, after the attacks with gradients", () => {
    const withSquare = (count: number): Evidence => {
      const all = evidence(autoAttack(), 100);
      return { ...all, samples: all.samples.map((each, i) => ({ ...each, stage: i < count ? "Square" : "APGD-CE" })) };
    };
    expect(blackBoxWins([withSquare(1)])).toBeUndefined();
    expect(blackBoxWins([withSquare(2)])?.message).toBe(
      "in AutoAttack, Square broke 2 of 500 samples without gradients after all stages with them",
    );
  });

  test("does not compare with attacks that no ball bounds, or without a gradient attack", () => {
    expect(blackBoxWins([evidence(apgdCe(), 100), evidence(spatial(), 300)])).toBeUndefined();
    expect(blackBoxWins([evidence(square(), 300)])).toBeUndefined();
  });
});
