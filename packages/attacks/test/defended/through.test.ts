import { fillNormal, tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { contentDraw } from "../../src/defended/content-draw.ts";
import {
  expectationOverTransformation,
  featureSqueezing,
  type GradientClassifier,
  linf,
  pgd,
  run,
  square,
  thermometerEncoding,
  throughDefence,
} from "../../src/index.ts";
import { linear, mlp, predictions, samplesFor } from "../classifiers.ts";

describe("a model behind a squeezing to 3 bits", () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const attack = pgd({ steps: 20, randomStart: false });

  test("hides its gradients from PGD, and BPDA and Square break it all the same", async () => {
    const blind = throughDefence(model, featureSqueezing({ bits: 3 }), { backward: "none" });
    const seeing = throughDefence(model, featureSqueezing({ bits: 3 }));
    const [x] = await samplesFor(model, 20, 3);
    const labels = predictions(await blind.logits(x));
    const masked = await run(blind, x, labels, linf(0.2), { attack });
    expect(masked.curve[0]!.broken).toBe(0);
    expect(masked.zeroGradients).toEqual({ count: 20, of: 20 });
    const adaptive = await run(seeing, x, labels, linf(0.2), { attack });
    expect(adaptive.curve[0]!.broken).toBeGreaterThan(15);
    for (const { status, adversarial, label } of adaptive.samples) {
      if (status !== "broken") continue;
      // what was found fools the model with its defence
      expect(predictions(await blind.logits(tensor([1, 1, 6, 6], adversarial!)))[0]).not.toBe(label);
    }
    const blackBox = await run(blind, x, labels, linf(0.2), { attack: square({ queries: 200 }) });
    expect(blackBox.curve[0]!.broken).toBeGreaterThan(10);
  });

  test("differs from what it was only where a feature is rounded", async () => {
    const seeing = throughDefence(model, featureSqueezing({ bits: 3 }));
    const x = tensor(
      [1, 1, 6, 6],
      Float32Array.from({ length: 36 }, (_, j) => (j % 8) / 7),
    );
    expect([...(await seeing.logits(x)).data]).toEqual([...(await model.logits(x)).data]);
  });
});

test("a model of thermometers is attacked in the space of pixels", async () => {
  const levels = 4;
  const weights = [fillNormal(new Float32Array(8), { seed: 1, stream: 1, sample: 0, step: 0 })];
  const encoded = linear([[...weights[0]!], [...weights[0]!].map((w) => -w)], [0, 0]);
  const model = throughDefence(encoded, thermometerEncoding({ levels }), { inputShape: [2] });
  const x = tensor([1, 2], Float32Array.of(0.3, 0.8));
  expect(model.inputShape).toEqual([2]);
  const thermometers = tensor([1, 8], Float32Array.of(1, 1, 0, 0, 1, 1, 1, 1));
  expect([...(await model.logits(x)).data]).toEqual([...(await encoded.logits(thermometers)).data]);
  const { gradient } = await model.lossGradient(x, Int32Array.of(0), "margin");
  const slope = (levelsReached: number, from: number) =>
    -2 * weights[0]!.subarray(from, from + levelsReached).reduce((sum, w) => sum + w, 0);
  expect(gradient.data[0]).toBeCloseTo(slope(2, 0), 4);
  expect(gradient.data[1]).toBeCloseTo(slope(4, 4), 4);
});

test("samples of one shape before a thermometer and another behind it cannot be confused", () => {
  const encoded = linear(
    [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ],
    [0, 0],
  );
  const thermometer = thermometerEncoding({ levels: 2 });
  expect(() => throughDefence(encoded, thermometer)).toThrow(/expected samples of \[4\], got \[8\] from \[4\]/);
  expect(() => throughDefence(encoded, thermometer, { inputShape: [2], backward: "identity" })).toThrow(/"identity"/);
});

test("draws differ between samples of black and white", () => {
  const draws = new Set<number>();
  for (let n = 0; n < 2000; n++) {
    const bits = Float32Array.from({ length: 32 }, (_, j) => (n >> (j % 11)) & (j < 11 ? 1 : 0));
    draws.add(contentDraw(0, bits).sample);
  }
  expect(draws.size).toBeGreaterThan(1995);
});

describe("the expectation over transformation", () => {
  const model = linear(
    [
      [1, 2],
      [-1, 0],
    ],
    [0, 0],
  );

  test("of a linear model under noise that averages out is the model", async () => {
    const noisy = expectationOverTransformation(model, {
      samples: 4000,
      transform: (_, draw) => {
        const noise = fillNormal(new Float32Array(2), draw);
        return {
          apply: (x, moved) => moved.set(x.map((value, j) => value + noise[j]!)),
          transpose: (gradient, back) => back.set(gradient),
        };
      },
    });
    const x = tensor([1, 2], Float32Array.of(0.3, 0.6));
    const mean = await noisy.logits(x);
    expect(mean.data[0]).toBeCloseTo(1.5, 1);
    const { gradient, loss } = await noisy.lossGradient(x, Int32Array.of(0), "margin");
    expect([...gradient.data].map((slope) => Math.round(slope * 100) / 100)).toEqual([-2, -2]);
    expect(loss[0]).toBeCloseTo(-1.8, 1);
  });

  test("sees through a model that is random itself, which a single draw does not", async () => {
    let calls = 0;
    const random: GradientClassifier = {
      ...model,
      // every other call has its gradient turned round
      async lossGradient(...args) {
        const result = await model.lossGradient(...args);
        const sign = calls++ % 3 === 0 ? -1 : 1;
        return { ...result, gradient: { ...result.gradient, data: result.gradient.data.map((slope) => sign * slope) } };
      },
    };
    const x = tensor([1, 2], Float32Array.of(0.3, 0.6));
    const averaged = expectationOverTransformation(random, { samples: 30 });
    const { gradient } = await averaged.lossGradient(x, Int32Array.of(0), "margin");
    for (const slope of gradient.data) expect(slope).toBeCloseTo(-2 / 3, 5);
  });

  test("draws for a sample what it draws whatever stands beside it", async () => {
    const shifted = expectationOverTransformation(mlp([4], 8, 3, 1), {
      samples: 3,
      transform: (_, draw) => {
        const noise = fillNormal(new Float32Array(4), draw);
        return {
          apply: (x, moved) => moved.set(x.map((value, j) => value + 0.1 * noise[j]!)),
          transpose: (gradient, back) => back.set(gradient),
        };
      },
    });
    const x = tensor([2, 4], Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.9, 0.8, 0.7, 0.6));
    const both = await shifted.logits(x);
    const second = await shifted.logits(tensor([1, 4], x.data.slice(4)));
    expect([...both.data.subarray(3)]).toEqual([...second.data]);
  });
});
