import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  type Attack,
  AttackError,
  apgdCe,
  blendedNoise,
  contrastReduction,
  fgsm,
  gaussianNoise,
  hopSkipJump,
  l0,
  l2,
  linf,
  type Progress,
  pgd,
  run,
  saltAndPepper,
  spatial,
  square,
  stream,
} from "../../src/index.ts";
import { linear, mlp, predictions, randomLinear, samplesFor, type TestClassifier } from "../classifiers.ts";

const model = mlp([1, 6, 6], 8, 4, 3);
const [x, labels] = await samplesFor(model, 12, 3);
const attacks: readonly Attack[] = [
  fgsm(),
  pgd({ steps: 8 }),
  pgd({ steps: 4, restarts: 2 }),
  apgdCe({ steps: 12 }),
  square({ queries: 30 }),
  gaussianNoise(),
];
const named = attacks.map((attack) => ({ attack, name: `${attack.name} ${JSON.stringify(attack.parameters)}` }));

describe("a run", () => {
  test("reports samples that are wrong already and does not attack them", async () => {
    const shifted = labels.map((label, i) => (i < 3 ? (label + 1) % 4 : label));
    const { samples, curve } = await run(model, x, shifted, linf(0.2), { attack: pgd({ steps: 3 }) });
    expect(curve[0]!.wrong).toBe(3);
    for (const { status, forward, backward, prediction, sample } of samples.slice(0, 3)) {
      expect([status, forward, backward, prediction]).toEqual(["wrong", 1, 0, labels[sample]]);
    }
  });

  test("attacks samples that are wrong already if asked to", async () => {
    const shifted = labels.map((label) => (label + 1) % 4);
    const options = { attack: pgd({ steps: 3, randomStart: false }), attackMisclassified: true };
    const { samples } = await run(model, x, shifted, linf(0.2), options);
    expect(samples.every(({ status, distance }) => status === "broken" && distance === 0)).toBe(true);
    const nearest = await run(model, x, shifted, l2(1), { ...options, attack: hopSkipJump({ iterations: 1 }) });
    expect(nearest.samples.every(({ status, distance }) => status === "broken" && distance === 0)).toBe(true);
  });

  test("makes each sample the class of its target under a targeted criterion", async () => {
    const targets = labels.map((label) => (label + 1) % 4);
    for (const attack of [pgd({ steps: 20 }), apgdCe({ steps: 20 }), hopSkipJump({ iterations: 2 })]) {
      const threat = attack.aim === "nearest" ? l2(Infinity) : linf(0.9);
      const { samples, criterion } = await run(model, x, labels, threat, {
        attack,
        criterion: { type: "targeted", targets },
      });
      const broken = samples.filter(({ status }) => status === "broken");
      expect(criterion).toBe("targeted");
      expect(broken.length).toBeGreaterThan(6);
      for (const { adversarial, target } of broken) {
        expect(predictions(await model.logits(tensor([1, 1, 6, 6], adversarial!)))[0]).toBe(target);
      }
    }
  });

  test("finds sooner or later what a sign of the gradient finds at once, and counts its queries exactly", async () => {
    const { samples } = await run(model, x, labels, linf(0.05), { attack: pgd({ steps: 7 }) });
    for (const { status, forward, backward } of samples) {
      // One clean pass, a pass for each step, and one for the last iterate; broken ones are verified by one more.
      if (status === "robust") expect([forward, backward]).toEqual([9, 7]);
      else expect(backward).toBeLessThanOrEqual(7);
    }
    const one = await run(model, x, labels, linf(0.05), { attack: fgsm() });
    for (const { status, forward, backward } of one.samples) {
      expect([forward, backward]).toEqual(status === "broken" ? [4, 1] : [3, 1]);
    }
  });

  test("Square asks once per iteration and once for its start", async () => {
    const { samples, queries } = await run(model, x, labels, linf(0.02), { attack: square({ queries: 25 }) });
    for (const { status, forward } of samples) if (status === "robust") expect(forward).toBe(1 + 1 + 25);
    expect(samples.some(({ status }) => status === "robust")).toBe(true);
    expect(queries.forward).toBe(samples.reduce((sum, { forward }) => sum + forward, 0));
  });

  test.each(named)("counts in total what it counts per sample: $name", async ({ attack }) => {
    const { samples, queries } = await run(model, x, labels, linf(0.1), { attack });
    expect(queries.forward).toBe(samples.reduce((sum, { forward }) => sum + forward, 0));
    expect(queries.backward).toBe(samples.reduce((sum, { backward }) => sum + backward, 0));
  });

  test.each(named)("gives the same verdicts with and without the active set: $name", async ({ attack }) => {
    const [active, all] = await Promise.all(
      [true, false].map((activeSet) => run(model, x, labels, linf(0.15), { attack, activeSet })),
    );
    const verdict = ({ samples }: typeof all) => samples.map(({ status, adversarial }) => ({ status, adversarial }));
    expect(verdict(active!)).toEqual(verdict(all!));
    expect(active!.queries.forward).toBeLessThanOrEqual(all!.queries.forward);
  });

  test("shrinks the batch as samples fall", async () => {
    const counted = mlp([1, 6, 6], 8, 4, 3);
    await run(counted, x, labels, linf(0.15), { attack: pgd({ steps: 8 }) });
    const steps = counted.batches.slice(1, 9);
    expect(steps).toEqual([...steps].sort((a, b) => b - a));
    expect(steps.at(-1)).toBeLessThan(12);
  });

  test("depends on the seed", async () => {
    const options = { attack: pgd({ steps: 1 }), activeSet: false };
    const [one, other] = await Promise.all(
      [1, 2].map((seed) => run(model, x, labels, linf(0.3), { ...options, seed })),
    );
    expect(one!.samples.map(({ margin }) => margin)).not.toEqual(other!.samples.map(({ margin }) => margin));
  });

  test("leaves its input as it was", async () => {
    const before = x.data.slice();
    for (const { attack } of named) await run(model, x, labels, linf(0.3), { attack });
    expect(x.data).toEqual(before);
  });

  test("counts verdicts with a margin below 1e-4 as borderline", async () => {
    const flat = linear(
      [
        [1, 0],
        [-1, 0],
      ],
      [0, 0],
    );
    const points = tensor([2, 2], Float32Array.of(0.5, 0.5, 0.30002, 0.5));
    const { samples, borderline } = await run(flat, points, [0, 0], linf(0.3), { attack: fgsm() });
    expect(samples.map(({ status }) => status)).toEqual(["robust", "robust"]);
    expect(samples[1]!.margin).toBeCloseTo(4e-5, 6);
    expect(borderline).toBe(1);
  });

  test("of attacks that stop on the boundary, counts those that stop at epsilon", async () => {
    const wall = linear(
      [
        [1, 0],
        [0, 0],
      ],
      [-0.25, 0],
    ); // class 0 where x > 0.25
    const points = tensor([2, 2], Float32Array.of(1, 0.5, 0, 0.5)); // both end at (0.5, 0.5), a distance of 0.5 away
    const attack = contrastReduction({ bisections: 20 });
    const at = (epsilon: number) => run(wall, points, [0, 1], linf(epsilon), { attack, activeSet: false });
    const far = await at(0.4);
    expect(far.samples[1]!.distance).toBeCloseTo(0.25, 5);
    expect(far.borderline).toBe(0);
    expect((await at(0.25)).borderline).toBe(1);
  });
});

describe("a mask", () => {
  const mask = Uint8Array.from({ length: 36 }, (_, j) => (j % 3 === 0 ? 0 : 1));
  const all = [...attacks, hopSkipJump({ iterations: 2 }), saltAndPepper(), blendedNoise()].map((attack) => ({
    attack,
    name: `${attack.name} ${JSON.stringify(attack.parameters)}`,
  }));

  test.each(all)("keeps its features as they were: $name", async ({ attack }) => {
    const { samples, curve } = await run(model, x, labels, linf(0.8, { mask }), { attack });
    for (const { adversarial, sample } of samples) {
      const pinned = adversarial?.filter((_, j) => !mask[j]) ?? [];
      for (const [i, value] of pinned.entries()) expect(value).toBe(x.data[sample * 36 + 3 * i]);
    }
    expect(curve[0]!.broken).toBeGreaterThan(2);
    expect(curve[0]!.failed).toBe(0);
  });

  test("is refused by an attack that moves all features at once", async () => {
    const running = run(model, x, labels, linf(0.8, { mask }), { attack: spatial() });
    await expect(running).rejects.toThrow("Spatial: expected a threat without a mask");
  });
});

describe("a curve", () => {
  const options = { attack: pgd({ steps: 10 }), seed: 4 };
  const epsilons = [0.2, 0.02, 0.08];

  test("goes from the smallest epsilon up and never falls", async () => {
    const { curve } = await run(model, x, labels, { norm: "linf", epsilons }, options);
    expect(curve.map(({ epsilon }) => epsilon)).toEqual([0.02, 0.08, 0.2]);
    const broken = curve.map((point) => point.broken);
    expect(broken).toEqual([...broken].sort((a, b) => a - b));
    expect(broken[2]).toBeGreaterThan(broken[0]!);
  });

  test("says of each sample what a run at that epsilon alone says, and spends less", async () => {
    const { samples, queries } = await run(model, x, labels, { norm: "linf", epsilons }, options);
    const alone = await Promise.all([0.02, 0.08, 0.2].map((epsilon) => run(model, x, labels, linf(epsilon), options)));
    for (const [index, single] of alone.entries()) {
      for (const [row, { status }] of single.samples.entries()) {
        if (status === "broken") expect(samples[row]!.statuses[index]).toBe("broken");
      }
    }
    expect(queries.forward).toBeLessThan(alone.reduce((sum, single) => sum + single.queries.forward, 0));
  });

  test("of an attack that aims at the nearest takes one run, and counts by distance", async () => {
    const attack = hopSkipJump({ iterations: 2, initialEvaluations: 20 });
    const [curve, single] = await Promise.all([
      run(model, x, labels, { norm: "l2", epsilons: [0.2, 0.6, 5] }, { attack, activeSet: false }),
      run(model, x, labels, l2(5), { attack, activeSet: false }),
    ]);
    expect(curve.queries).toEqual(single.queries);
    for (const { statuses, distance } of curve.samples) {
      expect(statuses).toEqual([0.2, 0.6, 5].map((epsilon) => (distance! <= epsilon ? "broken" : "robust")));
    }
  });

  test("lets HopSkipJump's samples leave once they are within the smallest epsilon", async () => {
    const attack = hopSkipJump({ iterations: 4, initialEvaluations: 20 });
    const [all, leaving] = await Promise.all(
      [false, true].map((activeSet) => run(model, x, labels, l2(3), { attack, activeSet })),
    );
    expect(leaving!.curve).toEqual(all!.curve);
    expect(leaving!.queries.forward).toBeLessThan(all!.queries.forward);
  });
});

describe("a model that fails", () => {
  const failing = (isBad: (row: Float32Array) => boolean): TestClassifier => {
    const refuse = (input: typeof x) => {
      for (let row = 0; row < input.shape[0]!; row++) {
        if (isBad(input.data.subarray(row * 36, (row + 1) * 36))) throw new Error("kernel refused");
      }
    };
    return {
      ...model,
      async logits(input) {
        refuse(input);
        return model.logits(input);
      },
      async lossGradient(input, ...rest) {
        refuse(input);
        return model.lossGradient(input, ...rest);
      },
    };
  };

  test.each(named)("fails the guilty samples only, with the reason: $name", async ({ attack }) => {
    const guilty = x.data.slice(5 * 36, 6 * 36);
    const near = (row: Float32Array) => row.every((value, j) => Math.abs(value - guilty[j]!) < 0.11);
    const { samples } = await run(failing(near), x, labels, linf(0.1), { attack });
    const well = await run(model, x, labels, linf(0.1), { attack });
    expect(samples[5]).toMatchObject({ status: "failed", message: "kernel refused" });
    expect(samples.filter((_, row) => row !== 5)).toEqual(well.samples.filter((_, row) => row !== 5));
  });

  test("that fails on perturbed inputs only never makes a sample robust", async () => {
    for (const attack of [fgsm(), pgd({ steps: 3 }), square({ queries: 3 }), hopSkipJump({ iterations: 1 })]) {
      const isClean = (row: Float32Array) =>
        Array.from({ length: 12 }, (_, i) => i).some((i) => x.data[i * 36] === row[0]);
      const { curve } = await run(
        failing((row) => !isClean(row)),
        x,
        labels,
        linf(0.1),
        { attack },
      );
      expect(curve[0]).toMatchObject({ failed: 12, robust: 0 });
    }
  });

  test("gives scores or gradients that are not numbers fails the sample", async () => {
    const poisoned = (part: "logits" | "gradient"): TestClassifier => ({
      ...model,
      async lossGradient(...args) {
        const result = await model.lossGradient(...args);
        result[part].data[0] = Number.NaN;
        return result;
      },
    });
    const statuses = async (part: "logits" | "gradient") =>
      (await run(poisoned(part), x, labels, linf(0.01), { attack: pgd({ steps: 1, keep: "last" }) })).samples[0];
    expect(await statuses("logits")).toMatchObject({ status: "failed", message: "the model's scores are not numbers" });
    expect(await statuses("gradient")).toMatchObject({ status: "failed", message: "the gradient is not finite" });
  });

  test("HopSkipJump without a starting point fails that sample and goes on with the others", async () => {
    const stubborn = linear(
      [
        [50, 50],
        [0, 0],
      ],
      [-1, 0],
    );
    const points = tensor([1, 2], Float32Array.of(0.5, 0.5));
    const { samples } = await run(stubborn, points, [0], l2(9), {
      attack: hopSkipJump({ iterations: 1, startTries: 3 }),
    });
    expect(samples[0]).toMatchObject({
      status: "failed",
      message: "no starting point: none of 3 random images was adversarial",
    });
    const withOther = tensor([2, 2], Float32Array.of(0.5, 0.5, 0, 0.01));
    const both = await run(stubborn, withOther, [0, 1], l2(9), {
      attack: hopSkipJump({ iterations: 1, startTries: 3 }),
    });
    expect(both.samples.map(({ status }) => status)).toEqual(["broken", "broken"]);
  });
});

describe("a budget", () => {
  test.each(named)("of queries leaves unfinished samples failed, never robust: $name", async ({ attack }) => {
    const whole = await run(model, x, labels, linf(0.02), { attack });
    const enoughButOne = whole.queries.forward - whole.curve[0]!.broken - 1; // verifying is never refused
    for (const queries of [0, 11, 12, 20, 30, enoughButOne]) {
      const {
        curve,
        isComplete,
        samples,
        queries: spent,
      } = await run(model, x, labels, linf(0.02), { attack, budget: { queries } });
      expect(isComplete).toBe(false);
      expect(curve[0]!.robust).toBe(0);
      expect(spent.forward).toBeLessThanOrEqual(queries + curve[0]!.broken); // what was found is still verified
      for (const { status, message } of samples) {
        if (status === "failed") expect(message).toBe(`the budget of ${queries} queries was used up`);
      }
    }
    const enough = await run(model, x, labels, linf(0.02), { attack, budget: { queries: whole.queries.forward } });
    expect(enough.samples).toEqual(whole.samples);
  });

  test("of seconds ends the run by the clock", async () => {
    let time = 0;
    const options = { attack: pgd({ steps: 50, keep: "last" }), budget: { seconds: 1 }, now: () => (time += 50) };
    const { samples, isComplete } = await run(model, x, labels, linf(0.1), options);
    expect(isComplete).toBe(false);
    expect(samples.every(({ status }) => status === "failed")).toBe(true);
    expect(samples[0]!.backward).toBeLessThan(20);
    expect(samples[0]!.message).toBe("the budget of 1 seconds was used up");
  });

  test("that ends between two epsilons keeps the verdicts of the first", async () => {
    const options = { attack: pgd({ steps: 5 }), seed: 1 };
    const first = await run(model, x, labels, linf(0.01), options);
    const budget = { queries: first.queries.forward + 5 };
    const { curve } = await run(model, x, labels, { norm: "linf", epsilons: [0.01, 0.02] }, { ...options, budget });
    expect(curve[0]).toEqual(first.curve[0]);
    expect(curve[1]!.robust).toBe(0);
    expect(curve[1]!.failed).toBe(first.curve[0]!.robust);
  });
});

describe("progress", () => {
  test("tells each step, and how many are left", async () => {
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) => void seen.push(progress);
    await run(model, x, labels, linf(0.001), { attack: pgd({ steps: 4, restarts: 1 }), onProgress });
    expect(seen.map(({ restart, step, steps }) => [restart, step, steps])).toEqual([
      ...[1, 2, 3, 4].map((step) => [0, step, 4]),
      ...[1, 2, 3, 4].map((step) => [1, step, 4]),
    ]);
    expect(seen.at(-1)).toMatchObject({ attack: "PGD", epsilon: 0.001, total: 12, done: 0 });
    expect(seen[1]!.queries.forward).toBe(12 + 24);
  });

  test("of a stream can be left at any time", async () => {
    let steps = 0;
    for await (const _ of stream(model, x, labels, linf(0.1), { attack: pgd() })) if (++steps === 3) break;
    expect(steps).toBe(3);
  });

  test("ends when the signal is aborted", async () => {
    const controller = new AbortController();
    const running = run(model, x, labels, linf(0.01), {
      attack: pgd(),
      signal: controller.signal,
      onProgress: ({ step }) => step === 2 && controller.abort(),
    });
    await expect(running).rejects.toThrow("aborted");
  });
});

describe("what cannot be asked is refused with the reason", () => {
  const attack = fgsm();
  const half = { ...randomLinear([4], 3, 1), bounds: { lower: 0, upper: 0.5 } };
  const point = tensor([1, 4], Float32Array.of(0.1, 0.2, 0.9, 0.4));
  const { lossGradient: _, ...blackBox } = model;
  test.each([
    [
      "a shape",
      () => run(model, tensor([1, 4]), [0], linf(1), { attack }),
      "SHAPE_MISMATCH",
      "expected x of shape [samples, 1,6,6], got [1,4]",
    ],
    ["labels", () => run(model, x, [0], linf(1), { attack }), "SHAPE_MISMATCH", "expected 12 labels, got 1"],
    [
      "a label",
      () => run(half, point, [3], linf(1), { attack }),
      "INVALID_OPTION",
      "expected a label from 0 to 2 for sample 0, got 3",
    ],
    [
      "a target",
      () => run(half, point, [1], linf(1), { attack, criterion: { type: "targeted", targets: [1] } }),
      "INVALID_OPTION",
      "expected a target other than the label 1",
    ],
    [
      "bounds",
      () => run(half, point, [1], linf(1), { attack }),
      "OUT_OF_BOUNDS",
      "bounds [0, 0.5], got 0.8999999761581421 at feature 2 of sample 0",
    ],
    [
      "a NaN",
      () => run(half, tensor([1, 4], Float32Array.of(Number.NaN, 0, 0, 0)), [1], linf(1), { attack }),
      "OUT_OF_BOUNDS",
      "got NaN at feature 0",
    ],
    [
      "a norm",
      () => run(model, x, labels, l0(1), { attack: square() }),
      "UNSUPPORTED_THREAT",
      "Square: expected a norm of linf, l2, l1, got l0",
    ],
    [
      "a mask",
      () => run(model, x, labels, linf(1, { mask: new Uint8Array(3) }), { attack }),
      "SHAPE_MISMATCH",
      "expected values for 36 features, got 3",
    ],
    [
      "no epsilons",
      () => run(model, x, labels, { norm: "l2", epsilons: [] }, { attack }),
      "INVALID_OPTION",
      "at least one epsilon",
    ],
    [
      "no gradients",
      () => run(blackBox, x, labels, l2(1), { attack }),
      "UNSUPPORTED_MODEL",
      "FGSM: expected a model with gradients",
    ],
    [
      "batches",
      () => run(model, x, labels, l2(1), { attack, batchSize: 0 }),
      "INVALID_OPTION",
      "batch size of at least 1",
    ],
    [
      "L2 bumps on tables",
      () => run(half, tensor([1, 4]), [1], l2(1), { attack: square(), attackMisclassified: true }),
      "UNSUPPORTED_THREAT",
      "expected images from 5 × 5",
    ],
  ] as const)("%s", async (_name, attempt, code, message) => {
    const error = await attempt().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AttackError);
    expect((error as AttackError).code).toBe(code);
    expect((error as AttackError).message).toContain(message);
  });
});
