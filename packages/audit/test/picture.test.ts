import { tensor } from "@casemate/tensor";
import { decode } from "fast-png";
import { expect, test } from "vitest";
import { perturbationPicture, picture } from "../src/picture.ts";

test("black and white are the ends of the range, and what is beyond them is clipped", () => {
  const image = picture(tensor([1, 1, 4], Float32Array.of(-1, 0, 1, 2)), {
    layout: "NCHW",
    range: { lower: -1, upper: 1 },
  });
  expect(pixels(image)).toEqual({ width: 4, height: 1, channels: 1, data: [0, 128, 255, 255] });
});

test("both layouts of the same colours give the same picture", () => {
  const planes = Float32Array.of(1, 0, 0, 0.2, 0, 1); // red: 1, 0; green: 0, 0.2; blue: 0, 1
  const mixed = Float32Array.of(1, 0, 0, 0, 0.2, 1);
  const expected = { width: 2, height: 1, channels: 3, data: [255, 0, 0, 0, 51, 255] };
  expect(pixels(picture(tensor([3, 1, 2], planes), { layout: "NCHW" }))).toEqual(expected);
  expect(pixels(picture(tensor([1, 1, 2, 3], mixed), { layout: "NHWC" }))).toEqual(expected);
});

test("a fourth channel is left out", () => {
  const image = picture(tensor([4, 1, 1], Float32Array.of(1, 0, 1, 0)), { layout: "NCHW" });
  expect(pixels(image)).toEqual({ width: 1, height: 1, channels: 3, data: [255, 0, 255] });
});

test("a large sample is averaged down to the longest side", () => {
  const image = picture(tensor([1, 2, 4], Float32Array.of(0, 1, 0, 0, 1, 0, 0, 0)), { layout: "NCHW", longestSide: 2 });
  expect(pixels(image)).toEqual({ width: 2, height: 1, channels: 1, data: [128, 0] });
});

test("averages what is left at an edge that does not divide", () => {
  const image = picture(tensor([1, 1, 3], Float32Array.of(0, 1, 1)), { layout: "NCHW", longestSide: 2 });
  expect(pixels(image)).toEqual({ width: 2, height: 1, channels: 1, data: [128, 255] });
});

test.each([[[2, 4, 4]], [[8]], [[3, 0, 4]]])("there is no picture of shape %j", (shape) => {
  expect(picture(tensor(shape), { layout: "NCHW" })).toBeUndefined();
});

test("a perturbation diverges around mid grey, scaled by its largest change", () => {
  const original = tensor([1, 1, 3], Float32Array.of(0.5, 0.5, 0.5));
  const adversarial = tensor([1, 1, 3], Float32Array.of(0.75, 0.5, 0.375));
  const { image, scale } = perturbationPicture(original, adversarial, { layout: "NCHW" });
  expect(scale).toBe(0.25);
  expect(pixels(image).data).toEqual([255, 128, 65]); // 128 + 127 · (1, 0, -1/2), rounded
});

test("no change is mid grey all over", () => {
  const sample = tensor([1, 1, 2], Float32Array.of(0, 1));
  const { image, scale } = perturbationPicture(sample, sample, { layout: "NCHW" });
  expect(scale).toBe(0);
  expect(pixels(image).data).toEqual([128, 128]);
});

function pixels(image: string | undefined) {
  const { width, height, channels, data } = decode(Buffer.from(image!.replace("data:image/png;base64,", ""), "base64"));
  return { width, height, channels, data: [...data] };
}
