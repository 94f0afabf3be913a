import { readFileSync } from "node:fs";
import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  AttackError,
  behindOutput,
  featureSqueezing,
  highConfidence,
  type InputDefence,
  jpegCompression,
  noisyAnswers,
  reverseSigmoid,
  roundedAnswers,
  spatialSmoothing,
  thermometerEncoding,
  totalVarianceMinimization,
} from "../../src/index.ts";
import { linear } from "../classifiers.ts";

/** ART 1.20.1, Pillow 12 and SciPy 1.17 on one small image and three rows of probabilities. */
const vectors = JSON.parse(readFileSync(new URL("../vectors/defences.json", import.meta.url), "utf8"));
const unit = { lower: 0, upper: 1 };
const draw = { seed: 0, stream: 0, sample: 0, step: 0 };
const image = { inputShape: [4, 5, 1], layout: "channels-last", bounds: unit, draw } as const;
const x = Float32Array.from(vectors.art.x as number[]);
const close = (got: Float32Array, expected: readonly number[], digits = 5) => {
  expect(got.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(got[i], `at ${i}`).toBeCloseTo(value, digits);
};

describe("inputs", () => {
  test("feature squeezing to 3 bits is ART's", () =>
    close(featureSqueezing({ bits: 3 }).apply(x, image), vectors.art.squeeze3));

  test("feature squeezing keeps to the range that features have", () => {
    const wide = { ...image, bounds: { lower: -2, upper: 2 } };
    const stretched = x.map((value) => 4 * value - 2);
    const expected = (vectors.art.squeeze3 as number[]).map((value) => 4 * value - 2);
    close(featureSqueezing({ bits: 3 }).apply(stretched, wide), expected);
  });

  test("the median of 3 × 3 is ART's", () => close(spatialSmoothing().apply(x, image), vectors.art.median3));

  test("thermometers of 4 levels are ART's, the channels last or first", () => {
    const thermometer = thermometerEncoding({ levels: 4 });
    close(thermometer.apply(x, image), vectors.art.thermo4);
    expect(thermometer.encodedShape!([4, 5, 1], "channels-last")).toEqual([4, 5, 4]);
    const first = thermometer.apply(x, { ...image, inputShape: [1, 4, 5], layout: "channels-first" });
    expect(thermometer.encodedShape!([1, 4, 5], "channels-first")).toEqual([4, 4, 5]);
    for (let j = 0; j < 20; j++)
      for (let k = 0; k < 4; k++) expect(first[k * 20 + j]).toBe(vectors.art.thermo4[4 * j + k]);
  });

  test("thermometers take gradients back through the levels that a value reaches", () => {
    const gradient = new Float32Array(80).fill(1);
    const back = thermometerEncoding({ levels: 4 }).backward!(gradient, x, image);
    for (const [j, value] of x.entries()) expect(back[j]).toBe(Math.min(4, Math.ceil(4 * value)));
  });

  test.each([
    ["grey", 50, 1],
    ["grey", 85, 1],
    ["colour", 50, 3],
    ["colour", 85, 3],
  ] as const)(
    "JPEG of a %s picture at quality %i leaves what Pillow leaves, to a few steps of rounding",
    (kind, quality, channels) => {
      const bytes = Float32Array.from(vectors.pillow[kind] as number[], (value) => value / 255);
      const view = { ...image, inputShape: [12, 10, channels] };
      const decoded = jpegCompression({ quality }).apply(bytes, view);
      const expected = vectors.pillow[`${kind}${quality}`] as number[];
      const off = expected.map((value, i) => Math.abs(255 * decoded[i]! - value));
      expect(off.reduce((sum, each) => sum + each, 0) / off.length).toBeLessThan(channels === 1 ? 0.3 : 1.2);
      expect(Math.max(...off)).toBeLessThan(channels === 1 ? 3 : 12);
    },
  );

  test("JPEG of channels first is the same picture", () => {
    const bytes = Float32Array.from(vectors.pillow.colour as number[], (value) => value / 255);
    const first = bytes.map((_, i) => bytes[3 * (i % 120) + Math.floor(i / 120)]!);
    const last = jpegCompression().apply(bytes, { ...image, inputShape: [12, 10, 3] });
    const got = jpegCompression().apply(first, { ...image, inputShape: [3, 12, 10], layout: "channels-first" });
    expect([...got]).toEqual([...got.keys()].map((i) => last[3 * (i % 120) + Math.floor(i / 120)]));
  });

  test("total variance minimisation of all pixels finds the minimum that SciPy finds", () => {
    const defence = totalVarianceMinimization({ kept: 1, iterations: 3000 });
    close(defence.apply(x, image), vectors.scipy.totalVariance, 3);
  });

  test("total variance minimisation does the same to samples of any range", () => {
    const defence = totalVarianceMinimization({ kept: 1, iterations: 50 });
    const wide = defence.apply(
      x.map((value) => 100 * value - 50),
      { ...image, bounds: { lower: -50, upper: 50 } },
    );
    close(
      wide.map((value) => (value + 50) / 100),
      [...defence.apply(x, image)],
      4,
    );
  });

  test("total variance minimisation fills in the pixels it drops, the same for the same sample", () => {
    const defence = totalVarianceMinimization({ kept: 0.5 });
    const once = defence.apply(x, image);
    expect([...defence.apply(x, image)]).toEqual([...once]);
    const variation = (z: Float32Array) =>
      z.reduce((sum, value, i) => sum + (i % 5 ? Math.abs(value - z[i - 1]!) : 0), 0);
    expect(variation(once)).toBeLessThan(variation(x));
  });

  test.each([spatialSmoothing(), jpegCompression(), totalVarianceMinimization()])(
    "$name needs an image",
    (defence: InputDefence) => {
      expect(() => defence.apply(x, { ...image, inputShape: [20] })).toThrow(AttackError);
    },
  );
});

describe("answers", () => {
  const p = Float32Array.from(vectors.art.p as number[]);
  const rows = [0, 1, 2].map((row) => p.subarray(3 * row, 3 * row + 3));
  const all = (defence: ReturnType<typeof roundedAnswers>) =>
    Float32Array.from(rows.flatMap((row) => [...defence.apply(row, row)]));

  test("rounded to one decimal are ART's, but for halves, which it rounds in float32 to even", () => {
    const isHalf = (value: number) => Math.abs(((10 * value) % 1) - 0.5) < 1e-6;
    const rounded = all(roundedAnswers({ decimals: 1 })).filter((_, i) => !isHalf(p[i]!));
    close(
      rounded,
      vectors.art.rounded1.filter((_: number, i: number) => !isHalf(p[i]!)),
    );
  });
  test("above a cutoff are ART's", () => close(all(highConfidence()), vectors.art.high25));
  test("through a reverse sigmoid are ART's", () => close(all(reverseSigmoid()), vectors.art.reverse));

  test("with noise are the same for the same sample", () => {
    const defence = noisyAnswers();
    expect([...defence.apply(rows[0]!, x)]).toEqual([...defence.apply(rows[0]!, x)]);
    expect([...defence.apply(rows[0]!, x)]).not.toEqual([
      ...defence.apply(
        rows[0]!,
        x.map((value) => value + 0.1),
      ),
    ]);
  });

  test("are the logarithms of what the defence gives out", async () => {
    const model = linear([[2], [0], [-1]], [0, 0, 0]);
    const hardened = behindOutput(model, roundedAnswers({ decimals: 1 }));
    const { data } = await hardened.logits(tensor([1, 1], Float32Array.of(1)));
    const powers = [2, 0, -1].map(Math.exp);
    const sum = powers.reduce((total, power) => total + power, 0);
    for (const [k, power] of powers.entries()) {
      expect(data[k]).toBeCloseTo(Math.log(Math.max(1e-12, Math.round((10 * power) / sum) / 10)), 4);
    }
  });
});
