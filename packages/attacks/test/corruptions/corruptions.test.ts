import { readFileSync } from "node:fs";
import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import { gaussianBlur, motionBlur } from "../../src/corruptions/blur.ts";
import { Chance } from "../../src/corruptions/chance.ts";
import type { Picture } from "../../src/corruptions/picture.ts";
import { corrupted } from "../../src/corruptions/table.ts";
import { clouds } from "../../src/corruptions/weather.ts";
import {
  AttackError,
  type CorruptionName,
  corruption,
  corruptions,
  linf,
  run,
  type Severity,
} from "../../src/index.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";
import { describeAttack } from "../describe-attack.ts";

/** Made with NumPy 2, SciPy 1.17 and Pillow 12 from one picture of 12 × 12 in three channels, channels last. */
const vectors: Record<string, number[]> = JSON.parse(
  readFileSync(new URL("../vectors/corruptions.json", import.meta.url), "utf8"),
);
const SIDE = 12;
const planesOf = (values: readonly number[]) =>
  [0, 1, 2].map((channel) => Float64Array.from({ length: SIDE * SIDE }, (_, i) => values[3 * i + channel]!));
const picture: Picture = { height: SIDE, width: SIDE, planes: planesOf(vectors.x!.map((value) => value / 255)) };
const chance = (sample = 0) => new Chance((purpose) => ({ seed: 1, stream: purpose, sample, step: 0 }));
const even = (value: number, side = 32, channels = 3): Picture => ({
  height: side,
  width: side,
  planes: Array.from({ length: channels }, () => new Float64Array(side * side).fill(value)),
});
const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: Float64Array) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));

test.each([
  ["contrast", 3, "contrast3"],
  ["brightness", 3, "brightness3"],
  ["pixelate", 3, "pixelate3"],
  ["pixelate", 5, "pixelate5"],
  ["zoom-blur", 3, "zoom3"],
  ["defocus-blur", 5, "defocus5"],
] as const)("%s at severity %i is what NumPy, SciPy and Pillow make of it", (name, severity, key) => {
  const { planes } = corrupted(picture, name, severity, chance());
  const expected = planesOf(vectors[key]!);
  for (const [channel, plane] of planes.entries()) {
    const off = plane.map((value, i) => Math.abs(Math.min(1, Math.max(0, value)) - expected[channel]![i]!));
    expect(Math.max(...off)).toBeLessThan(2e-4);
  }
});

test("a Gaussian blur is SciPy's", () => {
  const blurred = gaussianBlur(picture.planes[0]!, picture, 1.1, 4, "nearest");
  for (const [i, value] of blurred.entries()) expect(value).toBeCloseTo(vectors.gauss![i]!, 3);
});

describe("noise on an even grey", () => {
  const grey = even(0.5, 64);

  test.each([1, 3, 5] as const)("is Gaussian with the deviation of severity %i", (severity) => {
    const [plane] = corrupted(grey, "gaussian-noise", severity, chance()).planes;
    expect(mean(plane!)).toBeCloseTo(0.5, 2);
    expect(deviation(plane!)).toBeCloseTo([0.04, 0.06, 0.08, 0.09, 0.1][severity - 1]!, 2);
  });

  test.each([1, 3, 5] as const)("of photons has the mean and the deviation of Poisson at severity %i", (severity) => {
    const [plane] = corrupted(grey, "shot-noise", severity, chance()).planes;
    const photons = [500, 250, 100, 75, 50][severity - 1]!;
    expect(mean(plane!)).toBeCloseTo(0.5, 2);
    expect(deviation(plane!)).toBeCloseTo(Math.sqrt(0.5 / photons), 2);
  });

  test("of impulses makes the share black or white, both alike", () => {
    const [plane] = corrupted(grey, "impulse-noise", 5, chance()).planes;
    const share = (value: number) => plane!.filter((each) => each === value).length / plane!.length;
    expect(share(0)).toBeCloseTo(0.035, 2);
    expect(share(1)).toBeCloseTo(0.035, 2);
  });
});

test.each(["defocus-blur", "glass-blur", "motion-blur", "zoom-blur", "elastic-transform", "pixelate"] as const)(
  "%s leaves an even picture as it is",
  (name) => {
    for (const severity of [1, 5] as const) {
      for (const plane of corrupted(even(0.3), name, severity, chance()).planes) {
        expect(Math.max(...plane.map((value) => Math.abs(value - 0.3)))).toBeLessThan(1e-9);
      }
    }
  },
);

test("glass moves pixels and invents none", () => {
  const spots: Picture = {
    ...even(0, 32, 1),
    planes: [Float64Array.from({ length: 1024 }, (_, i) => (i % 7 === 0 ? 1 : 0))],
  };
  const [plane] = corrupted(spots, "glass-blur", 1, chance()).planes; // so little blur that the ends stay 0 and 1
  expect(plane!.reduce((sum, value) => sum + value, 0)).toBeCloseTo(
    spots.planes[0]!.reduce((sum, value) => sum + value, 0),
    6,
  );
  expect([...plane!]).not.toEqual([...spots.planes[0]!]);
});

test("motion draws a point out to one side, by half a Gaussian", () => {
  const point: Picture = {
    ...even(0, 9, 1),
    planes: [Float64Array.from({ length: 81 }, (_, i) => (i === 40 ? 1 : 0))],
  };
  const [plane] = motionBlur(point, [3, 1], 0).planes;
  const weights = [0, 1, 2, 3, 4, 5, 6].map((i) => Math.exp((-i * i) / 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.slice(0, 5).entries()) expect(plane![40 - i]).toBeCloseTo(weight / total, 12);
});

test("clouds run from 0 to 1, rougher where they decay more slowly", () => {
  const [rough, smooth] = [1.4, 3].map((decay) => clouds({ height: 64, width: 48 }, decay, chance())) as [
    Float64Array,
    Float64Array,
  ];
  for (const map of [rough, smooth]) {
    expect(Math.min(...map)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...map)).toBeLessThanOrEqual(1);
  }
  const roughness = (map: Float64Array) => mean(map.map((value, i) => (i % 48 ? Math.abs(value - map[i - 1]!) : 0)));
  expect(roughness(rough)).toBeGreaterThan(1.5 * roughness(smooth));
});

test.each(corruptions.flatMap((name) => [28, 80].map((side) => ({ name, side }))))(
  "$name does more at a higher severity, on pictures of $side pixels, the same each time",
  ({ name, side }) => {
    const scene: Picture = {
      height: side,
      width: side - 4,
      planes: [0, 1, 2].map((channel) =>
        Float64Array.from({ length: side * (side - 4) }, (_, i) => {
          const [row, column] = [Math.floor(i / (side - 4)), i % (side - 4)];
          return 0.5 + 0.25 * Math.sin(row / 3 + channel) + 0.2 * (Math.floor(column / 5) % 2 === 0 ? 1 : -1);
        }),
      ),
    };
    const change = (severity: Severity) => {
      const { planes } = corrupted(scene, name, severity, chance());
      return mean(planes[0]!.map((value, i) => Math.abs(Math.min(1, Math.max(0, value)) - scene.planes[0]![i]!)));
    };
    expect(change(1)).toBeGreaterThan(0);
    // shares and shapes of a kind rise together except where the authors trade one for the other
    const trades = ["elastic-transform", "frost", "glass-blur", "snow"].includes(name);
    expect(change(5)).toBeGreaterThan(trades ? 0 : change(1));
    expect(change(3)).toBe(change(3));
  },
);

const refused = ["mask", "constraints"] as const;
describeAttack({
  attack: corruption({ name: "gaussian-noise", severity: 5 }),
  refuses: { linf: refused, l2: refused, l1: refused },
});

describe("as an attack", () => {
  test("asks once per sample, whatever else is attacked, and stays in the bounds of the model", async () => {
    const model = mlp([1, 12, 12], 8, 4, 3);
    const [x, labels] = await samplesFor(model, 6, 3);
    const attack = corruption({ name: "fog", severity: 5 });
    const [all, one] = await Promise.all(
      [64, 1].map((batchSize) => run(model, x, labels, linf(1), { attack, batchSize })),
    );
    expect(one!.samples).toEqual(all!.samples);
    for (const { status, forward, adversarial } of all!.samples) {
      expect(forward).toBe(status === "broken" ? 3 : 2);
      if (adversarial) expect(Math.max(...adversarial)).toBeLessThanOrEqual(1);
    }
  });

  test("works on channel-last images of another range", async () => {
    const weights = Array.from({ length: 48 }, (_, j) => (j % 2 ? 1 : -1));
    const base = linear([weights, weights.map((w) => -w)], [0, 0], { lower: -1, upper: 3 });
    const model = { ...base, inputShape: [4, 4, 3], layout: "channels-last" as const };
    const x = tensor([1, 4, 4, 3], new Float32Array(48).fill(2));
    const result = await run(model, x, [0], linf(1), { attack: corruption({ name: "contrast", severity: 5 }) });
    expect(result.samples[0]!.status).toBe("robust"); // an even picture keeps its contrast
  });

  test("refuses what is no image, and names and severities that there are not", async () => {
    const model = mlp([12], 8, 4, 3);
    const [x, labels] = await samplesFor(model, 2, 3);
    await expect(run(model, x, labels, linf(1), { attack: corruption() })).rejects.toThrow(
      /expected images, got inputs of \[12\]/,
    );
    expect(() => corruption({ name: "rain" as CorruptionName })).toThrow(AttackError);
    expect(() => corruption({ severity: 6 as Severity })).toThrow(/severity from 1 to 5, got gaussian-noise at 6/);
  });
});
