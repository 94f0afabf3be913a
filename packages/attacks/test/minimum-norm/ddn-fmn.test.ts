import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { type BallNorm, ddn, fmn, l2, run, threats } from "../../src/index.ts";
import { linear } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";
import { closedForm } from "./closed-form.ts";

describeAttack({ attack: ddn({ steps: 20 }) });
describeAttack({ attack: fmn({ steps: 20 }) });

const cases = [
  { attack: ddn({ steps: 200 }), norm: "l2" as BallNorm },
  ...(["linf", "l2", "l1", "l0"] as const).map((norm) => ({ attack: fmn({ steps: 200 }), norm })),
].map((each) => ({ ...each, name: each.attack.name }));

describe.each(cases)("$name in $norm on a linear classifier", ({ attack, norm }) => {
  test("comes within 1 % of the closed-form distance", async () => {
    const { model, x, labels, distances } = closedForm(norm, { range: 6, classes: 2 });
    const { samples } = await run(model, x, labels, threats[norm](Infinity), { attack });
    for (const [row, { distance }] of samples.entries()) {
      expect(distance).toBeGreaterThan(distances[row]! * 0.9999);
      expect(distance).toBeLessThan(distances[row]! * 1.01);
    }
  });

  test("reaches the target among three classes, at no less than the distance to the nearest", async () => {
    const { model, x, labels, targets, distances } = closedForm(norm, { range: 6 });
    const options = { attack, criterion: { type: "targeted", targets } as const };
    const { samples } = await run(model, x, labels, threats[norm](Infinity), options);
    for (const [row, { distance, adversarialPrediction }] of samples.entries()) {
      expect(adversarialPrediction).toBe(targets[row]);
      expect(distance).toBeGreaterThan(distances[row]! * 0.9999);
    }
  });

  test("does the same to data on another scale", async () => {
    const { model, x, labels } = closedForm(norm, { range: 6, classes: 2 });
    const results = await Promise.all(
      [1, 64].map((scale) => {
        const bounds = { lower: -3 * scale, upper: 3 * scale };
        const scaled = { ...model, bounds, ...rescaled(model, scale) };
        const points = tensor(
          x.shape,
          x.data.map((each) => each * scale),
        );
        return run(scaled, points, labels, threats[norm](Infinity), { attack });
      }),
    );
    for (const [row, { distance }] of results[0]!.samples.entries()) {
      expect(results[1]!.samples[row]!.distance! / distance! / (norm === "l0" ? 1 : 64)).toBeCloseTo(1, 4);
    }
  });

  test("leaves a sample robust whose class never changes", async () => {
    const constant = linear(
      [
        [0, 0],
        [0, 0],
      ],
      [1, 0],
    );
    const { samples } = await run(constant, tensor([1, 2]), [0], threats[norm](1), { attack });
    expect(samples[0]).toMatchObject({ status: "robust", backward: 200 });
  });
});

test("samples leave as soon as they are within the smallest epsilon", async () => {
  const { model, x, labels } = closedForm("l2", { range: 6 });
  const curve = { norm: "l2", epsilons: [10, 20] } as const;
  const { samples } = await run(model, x, labels, curve, { attack: ddn() });
  for (const { statuses, backward } of samples) {
    expect(statuses).toEqual(["broken", "broken"]);
    expect(backward).toBeLessThan(20);
  }
});

test.each(["linf", "l2", "l1"] as const)(
  "FMN in %s crosses a boundary that it would land on, to the bit",
  async (norm) => {
    const model = linear([[1], [0]], [0, 0], { lower: -4, upper: 4 }); // at 0 both classes are equal, and the first wins
    const { samples } = await run(model, tensor([1, 1], Float32Array.of(1)), [0], threats[norm](Infinity), {
      attack: fmn(),
    });
    expect(samples[0]).toMatchObject({ status: "broken" });
    expect(samples[0]!.distance).toBeLessThan(1.01);
  },
);

test("DDN finds its way where there is no slope at first", async () => {
  // Flat around the sample: a hidden unit is at work only where the first feature is above 0.3.
  const bent = bentAt(0.3);
  const x = tensor([1, 2], Float32Array.of(0, 0.5));
  const { samples } = await run(bent, x, [0], l2(Infinity), { attack: ddn() });
  expect(samples[0]).toMatchObject({ status: "broken" });
  expect(samples[0]!.distance).toBeLessThan(0.55);
});

function rescaled(model: ReturnType<typeof linear>, scale: number): Pick<typeof model, "logits" | "lossGradient"> {
  const shrunk = (x: { shape: readonly number[]; data: Float32Array }) =>
    tensor(
      x.shape,
      x.data.map((each) => each / scale),
    );
  return {
    logits: (x) => model.logits(shrunk(x)),
    async lossGradient(x, ...rest) {
      const result = await model.lossGradient(shrunk(x), ...rest);
      return {
        ...result,
        gradient: tensor(
          x.shape,
          result.gradient.data.map((each) => each / scale),
        ),
      };
    },
  };
}

/** Class 0 until 5 · max(0, first feature - `bend`) is above 1. */
function bentAt(bend: number): ReturnType<typeof linear> {
  const steep = linear(
    [
      [0, 0],
      [5, 0],
    ],
    [1, -5 * bend],
  );
  const flat = linear(
    [
      [0, 0],
      [0, 0],
    ],
    [1, 0],
  );
  return {
    ...steep,
    logits: (x) => (x.data[0]! > bend ? steep : flat).logits(x),
    lossGradient: (x, ...rest) => (x.data[0]! > bend ? steep : flat).lossGradient(x, ...rest),
  };
}
