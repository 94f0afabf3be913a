import { fillNormal, fillUniform } from "@casemate/tensor";
import { expect, test } from "vitest";
import { imageShape } from "../../src/image.ts";
import { inverse, multiply, project } from "../../src/physical/homography.ts";
import { lookAt, passBack, show } from "../../src/physical/pattern-render.ts";
import { drawView, patchPlacement, stickerPlacement, transformationNames } from "../../src/physical/pattern-view.ts";
import { nonPrintability, quantise, roughness } from "../../src/physical/printability.ts";
import { sceneOf } from "../../src/physical/scene.ts";
import { mlp } from "../classifiers.ts";

const key = { seed: 3, stream: 7, sample: 0, step: 0 };
const limits = {
  rotation: 30,
  scale: [0.5, 0.8],
  translation: 1,
  perspective: 0.2,
  brightness: 0.1,
  contrast: [0.8, 1.2],
  blur: 1,
} as const;

const images = [
  { name: "one channel", inputShape: [9, 12], layout: "channels-first" },
  { name: "channels first", inputShape: [3, 9, 12], layout: "channels-first" },
  { name: "channels last", inputShape: [9, 12, 3], layout: "channels-last" },
] as const;

test.each(images)("what a view passes back is the slope of what it shows: $name", ({ inputShape, layout }) => {
  const model = { ...mlp(inputShape, 2, 3, 1), layout, bounds: { lower: -1, upper: 2 } };
  const scene = sceneOf(model, "test");
  const [rows, columns] = [5, 4];
  const width = inputShape.reduce((product: number, each: number) => product * each, 1);
  const shape = { rows, columns, mask: fillUniform(new Float32Array(20), { ...key, step: 9 }) };
  const pattern = fillUniform(new Float32Array(20 * scene.shape.channels), key, -2, 3); // beyond the bounds: some is clipped
  const image = fillUniform(new Float32Array(width), { ...key, step: 1 }, -1, 2);
  const weights = fillNormal(new Float32Array(width), { ...key, step: 2 });
  const placement = patchPlacement(shape, imageShape(model)!);
  for (let step = 0; step < 4; step++) {
    const seen = lookAt(drawView(placement, limits, transformationNames, { ...key, step }), shape, scene.shape);
    const shown = (at: Float32Array) => {
      const target = new Float32Array(width);
      show(seen, at, image, target, scene);
      return target.reduce((sum, value, j) => sum + value * weights[j]!, 0);
    };
    const slopes = new Float64Array(pattern.length);
    passBack(seen, weights, show(seen, pattern, image, new Float32Array(width), scene), slopes, scene.shape);
    for (let i = 0; i < pattern.length; i += 3) {
      const moved = (by: number) => shown(pattern.map((value, k) => (k === i ? value + by : value)));
      expect(Math.abs((moved(0.004) - moved(-0.004)) / 0.008 - slopes[i]!)).toBeLessThan(2e-3);
    }
  }
});

test("an unmoved sticker of full contrast replaces what its mask covers, to the bit", () => {
  const model = mlp([3, 6, 8], 2, 3, 1);
  const scene = sceneOf(model, "test");
  const mask = Float32Array.from({ length: 48 }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const placement = stickerPlacement([1, 0, 0, 0, 1, 0, 0, 0, 1], { rows: 6, columns: 8 }, scene.shape);
  const view = drawView(placement, { ...limits, scale: [1, 1], contrast: [1, 1] }, [], key);
  const pattern = fillUniform(new Float32Array(144), key);
  const image = fillUniform(new Float32Array(144), { ...key, step: 1 });
  const target = new Float32Array(144);
  show(lookAt(view, { rows: 6, columns: 8, mask }, scene.shape), pattern, image, target, scene);
  for (let j = 0; j < 144; j++) expect(target[j]).toBeCloseTo(mask[j % 48] ? pattern[j]! : image[j]!, 6);
});

test("a sticker's corners go where its pose takes them", () => {
  const pose = [2, 0.3, 4, -0.2, 2.5, 3, 0.01, 0.02, 1];
  const placement = stickerPlacement(pose, { rows: 6, columns: 8 }, { height: 30, width: 40 });
  const { toImage } = drawView(placement, { ...limits, scale: [1, 1] }, [], key);
  const corners = [
    [0, 0],
    [8, 6],
    [3, 5],
  ] as const;
  for (const [x, y] of corners) {
    const [wanted, got] = [project(pose, x, y), project(toImage, x, y)];
    expect(got[0]).toBeCloseTo(wanted[0], 9);
    expect(got[1]).toBeCloseTo(wanted[1], 9);
  }
});

test("a patch stays in the image, turned and shifted as far as it may be", () => {
  const size = { height: 20, width: 32 };
  const placement = patchPlacement({ rows: 5, columns: 7 }, size);
  for (let step = 0; step < 50; step++) {
    const { toImage } = drawView(placement, { ...limits, perspective: 0 }, transformationNames, { ...key, step });
    const corners = [project(toImage, 0, 0), project(toImage, 7, 0), project(toImage, 7, 5), project(toImage, 0, 5)];
    for (const [x, y] of corners) {
      expect(Math.abs(x - 16)).toBeLessThanOrEqual(16 + 1e-9);
      expect(Math.abs(y - 10)).toBeLessThanOrEqual(10 + 1e-9);
    }
  }
});

test("a homography and its inverse are the identity", () => {
  const homography = [2, 0.3, 4, -0.2, 2.5, 3, 0.01, 0.02, 1];
  const product = multiply(homography, inverse(homography));
  for (const [i, each] of product.entries()) expect(each).toBeCloseTo(i % 4 === 0 ? 1 : 0, 12);
});

test("the non-printability score is the product of distances, 0 at a printable colour, and its slope is right", () => {
  const palette = [
    [0, 0],
    [1, 0],
    [0, 1],
  ];
  const slopes = new Float64Array(4);
  expect(nonPrintability(Float32Array.of(1, 0.5, 0, 0.5), palette, [1, 1], slopes)).toBeCloseTo(Math.SQRT1_2 ** 3, 6);
  const pattern = Float32Array.of(0.3, 0.5, 0.2, 0.6);
  slopes.fill(0);
  nonPrintability(pattern, palette, [1, 2], slopes);
  for (let i = 0; i < 4; i++) {
    const moved = (by: number) =>
      nonPrintability(
        pattern.map((value, k) => (k === i ? value + by : value)),
        palette,
        [1, 2],
        new Float64Array(4),
      );
    expect((moved(1e-3) - moved(-1e-3)) / 2e-3).toBeCloseTo(slopes[i]!, 4);
  }
  quantise(pattern, palette, [1, 1]);
  expect([...pattern]).toEqual([0, 0, 0, 1]);
});

test("roughness is the sum of squared differences, and its slope is right", () => {
  const pattern = Float32Array.of(0, 1, 2, 0, 3, 1);
  const slopes = new Float64Array(6);
  expect(roughness(pattern, { rows: 2, columns: 3 }, [1], slopes)).toBe(1 + 1 + 9 + 4 + 0 + 4 + 1);
  expect([...slopes]).toEqual([-2, -4, 4, -6, 14, -6]);
});
