import { fillNormal, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  AttackError,
  diverseInputs,
  ensemble,
  linf,
  nesterov,
  pgd,
  run,
  scaleInvariant,
  type TransferTransform,
  transferAttack,
  translationInvariant,
  varianceTuning,
  withSurrogate,
} from "../../src/index.ts";
import { mlp, predictions, randomLinear, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

const all = [
  diverseInputs({ smallest: 0.6 }),
  translationInvariant({ size: 5 }),
  nesterov(),
  scaleInvariant({ copies: 2 }),
  varianceTuning({ neighbours: 2 }),
];
describeAttack({ attack: transferAttack({ steps: 3, transforms: all }) });

const image = { channels: 2, height: 5, width: 7, channelStride: 35, rowStride: 7, columnStride: 1 };
const draw = { seed: 3, stream: 1, sample: 0, step: 0 };

test.each([
  ["DI", diverseInputs({ probability: 1, smallest: 0.5 })],
  ["SI", scaleInvariant()],
])("%s takes gradients back by the transpose of what it does to samples: ⟨Ax, g⟩ = ⟨x, Aᵀg⟩", (_, transform) => {
  const input = transform as Extract<TransferTransform, { type: "input" }>;
  for (let copy = 0; copy < 4; copy++) {
    const map = input.map(image, copy, { ...draw, step: copy })!;
    const [x, g] = [1, 2].map((sample) => fillNormal(new Float32Array(70), { ...draw, sample })) as [
      Float32Array,
      Float32Array,
    ];
    const [mapped, back] = [new Float32Array(70), new Float32Array(70)];
    map.apply(x, mapped);
    map.transpose(g, back);
    const product = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    expect(product(mapped, g)).toBeCloseTo(product(x, back), 3);
  }
});

test("DI keeps the size and the mean of an even image where it puts it", () => {
  const input = diverseInputs({ probability: 1, smallest: 0.6 }) as Extract<TransferTransform, { type: "input" }>;
  const mapped = new Float32Array(70);
  input.map(image, 0, draw)!.apply(new Float32Array(70).fill(0.5), mapped);
  expect(new Set([...mapped].map((value) => Math.round(value * 1e4) / 1e4))).toEqual(new Set([0, 0.5]));
});

test("TI spreads a gradient by a Gaussian that sums to 1, the same in both directions", () => {
  const { smooth } = translationInvariant({ size: 5 }) as Extract<TransferTransform, { type: "gradient" }>;
  const shape = { channels: 1, height: 5, width: 5, channelStride: 25, rowStride: 5, columnStride: 1 };
  const gradient = new Float32Array(25);
  gradient[12] = 1;
  smooth(gradient, shape);
  const [side, edge] = [Math.exp(-0.5 * 1.5 ** 2), Math.exp(-0.5 * 3 ** 2)]; // the edge is three standard deviations away
  const total = 1 + 2 * side + 2 * edge;
  const [middle, next] = [1 / total, side / total];
  expect(gradient[12]).toBeCloseTo(middle * middle, 6);
  expect(gradient[11]).toBeCloseTo(middle * next, 6);
  expect(gradient[7]).toBeCloseTo(middle * next, 6);
  expect(gradient[6]).toBeCloseTo(next * next, 6);
  expect(gradient.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
});

test("without transforms it is MI-FGSM", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 12, 3);
  const plain = await run(model, x, labels, linf(0.1), {
    attack: pgd({ steps: 10, stepSize: 0.1, momentum: 1, randomStart: false }),
  });
  const transfer = await run(model, x, labels, linf(0.1), { attack: transferAttack() });
  expect(transfer.samples.map(({ adversarial }) => adversarial)).toEqual(
    plain.samples.map(({ adversarial }) => adversarial),
  );
});

test("images are needed where images are transformed", async () => {
  const model = mlp([12], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 2, 3);
  const attack = transferAttack({ transforms: [diverseInputs()] });
  await expect(run(model, x, labels, linf(0.1), { attack })).rejects.toThrow(
    /expected images for DI, got an input of \[12\]/,
  );
});

describe("a target without gradients", () => {
  const surrogate = mlp([1, 6, 6], 16, 4, 3);
  const near = { ...mlp([1, 6, 6], 16, 4, 3) };
  const target = {
    inputShape: near.inputShape,
    classes: near.classes,
    bounds: near.bounds,
    // the surrogate with its logits disturbed: a model like it, and not the same
    logits: async (x: Parameters<typeof near.logits>[0]) => {
      const logits = await near.logits(x);
      return { ...logits, data: logits.data.map((value, i) => value + 0.3 * Math.sin(7 * (i % 4))) };
    },
  };

  test("is attacked with the gradients of a surrogate, and what is broken is broken for the target", async () => {
    const [x] = await samplesFor(surrogate, 20, 3);
    const labels = predictions(await target.logits(x));
    const { samples } = await run(withSurrogate(target, surrogate), x, labels, linf(0.2), { attack: transferAttack() });
    const broken = samples.filter(({ status }) => status === "broken");
    expect(broken.length).toBeGreaterThan(5);
    for (const { adversarial, label } of broken) {
      expect(predictions(await target.logits(tensor([1, 1, 6, 6], adversarial!)))[0]).not.toBe(label);
    }
  });

  test("is asked once a step, however many copies and neighbours the surrogate differentiates", async () => {
    const [x] = await samplesFor(surrogate, 6, 3);
    let asked = 0;
    const counted = { ...target, logits: (batch: typeof x) => target.logits(batch).finally(() => asked++) };
    const labels = predictions(await target.logits(x));
    const transforms = [scaleInvariant({ copies: 3 }), varianceTuning({ neighbours: 4 })];
    const attack = transferAttack({ transforms, steps: 5 });
    await run(withSurrogate(counted, surrogate), x, labels, linf(0), { attack });
    expect(asked).toBeLessThanOrEqual(5 + 2); // and the clean sample, and what the last step made
  });

  test("must take and tell apart what its surrogate does", () => {
    expect(() => withSurrogate(target, mlp([1, 6, 6], 8, 5, 1))).toThrow(AttackError);
  });
});

describe("an ensemble", () => {
  const members = [randomLinear([4], 3, 1), randomLinear([4], 3, 2)];
  const x = tensor([2, 4], Float32Array.of(0.1, 0.7, 0.3, 0.9, 0.4, 0.2, 0.8, 0.6));
  const labels = Int32Array.of(0, 2);

  test.each(["cross-entropy", "margin", "dlr"] as const)("has the gradient of %s of the mean logits", async (loss) => {
    const model = ensemble(members, { weights: [1, 3] });
    const { gradient, logits } = await model.lossGradient(x, labels, loss);
    const parts = await Promise.all(members.map((member) => member.logits(x)));
    for (const [i, value] of logits.data.entries()) {
      expect(value).toBeCloseTo(0.25 * parts[0]!.data[i]! + 0.75 * parts[1]!.data[i]!, 5);
    }
    for (let i = 0; i < 8; i++) {
      const lossAt = async (shift: number) => {
        const moved = tensor([2, 4], x.data.slice());
        moved.data[i]! += shift;
        return (await model.lossGradient(moved, labels, loss)).loss[i >> 2]!;
      };
      expect(gradient.data[i]).toBeCloseTo(((await lossAt(0.01)) - (await lossAt(-0.01))) / 0.02, 1);
    }
  });

  test("of losses has the mean of its members' losses and gradients", async () => {
    const model = ensemble(members, { weights: [1, 3], combine: "loss" });
    const together = await model.lossGradient(x, labels, "cross-entropy");
    const [one, other] = await Promise.all(members.map((member) => member.lossGradient(x, labels, "cross-entropy")));
    for (const [i, value] of together.loss.entries()) {
      expect(value).toBeCloseTo(0.25 * one!.loss[i]! + 0.75 * other!.loss[i]!, 5);
    }
    for (const [i, slope] of together.gradient.data.entries()) {
      expect(slope).toBeCloseTo(0.25 * one!.gradient.data[i]! + 0.75 * other!.gradient.data[i]!, 5);
    }
  });

  test("needs members that are alike, and weights that fit them", () => {
    expect(() => ensemble([])).toThrow(AttackError);
    expect(() => ensemble([randomLinear([4], 3, 1), randomLinear([5], 3, 1)])).toThrow(AttackError);
    expect(() => ensemble(members, { weights: [1] })).toThrow(AttackError);
  });
});
