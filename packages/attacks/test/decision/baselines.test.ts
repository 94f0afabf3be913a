import { tensor } from "@casemate/tensor";
import { describe, expect, test } from "vitest";
import {
  blendedNoise,
  contrastReduction,
  gaussianNoise,
  l2,
  linf,
  run,
  saltAndPepper,
  spatial,
} from "../../src/index.ts";
import { transform } from "../../src/physical/spatial.ts";
import { linear, mlp, samplesFor } from "../classifiers.ts";

// Class 0 while the first feature is above 0.6.
const bright = linear(
  [
    [1, 0],
    [0, 0],
  ],
  [0, 0.6],
);

test("contrast reduction walks straight to mid-grey and stops at the boundary", async () => {
  const x = tensor([2, 2], Float32Array.of(0.9, 0.1, 0.7, 0.5));
  const options = { attack: contrastReduction({ bisections: 12 }), activeSet: false };
  const { samples } = await run(bright, x, [0, 0], l2(Infinity), options);
  // 0.9 reaches 0.6 after three quarters of the way to 0.5, when 0.1 has come to 0.4.
  expect(samples[0]!.distance).toBeCloseTo(Math.hypot(0.3, 0.3), 4);
  expect(samples[1]!.distance).toBeCloseTo(0.1, 4);
});

test("contrast reduction that never crosses the boundary leaves the sample robust", async () => {
  const dark = linear(
    [
      [1, 0],
      [0, 0],
    ],
    [0, 0.4],
  );
  const { samples } = await run(dark, tensor([1, 2], Float32Array.of(0.9, 0.1)), [0], l2(9), {
    attack: contrastReduction(),
  });
  expect(samples[0]).toMatchObject({ status: "robust", forward: 51 });
});

test("blended noise stops where the line to the noise crosses the boundary", async () => {
  const x = tensor([1, 2], Float32Array.of(0.9, 0.1));
  const options = { attack: blendedNoise({ repeats: 8, bisections: 12 }), activeSet: false };
  const { samples } = await run(bright, x, [0], linf(Infinity), options);
  expect(samples[0]!.status).toBe("broken");
  expect(samples[0]!.adversarial![0]).toBeLessThan(0.6 + 1e-6);
  expect(samples[0]!.adversarial![0]).toBeGreaterThan(0.6 - 1e-3);
});

test("salt and pepper sets features to the bounds and changes no other", async () => {
  const model = mlp([1, 6, 6], 8, 4, 3);
  const [x, labels] = await samplesFor(model, 12, 3);
  const { samples } = await run(model, x, labels, l2(Infinity), { attack: saltAndPepper(), activeSet: false });
  const broken = samples.filter(({ status }) => status === "broken");
  expect(broken.length).toBeGreaterThan(8);
  for (const { adversarial, sample } of broken) {
    const changed = [...adversarial!].filter((value, j) => value !== x.data[sample * 36 + j]);
    expect(changed.every((value) => value === 0 || value === 1)).toBe(true);
  }
});

test("noise reaches the edge of the ball", async () => {
  const x = tensor([1, 2], Float32Array.of(0.5, 0.5));
  const narrow = linear(
    [
      [1, 1],
      [0, 0],
    ],
    [0, 1],
  );
  const { samples } = await run(narrow, x, [0], l2(0.3), { attack: gaussianNoise({ repeats: 30 }) });
  expect(samples[0]!.status).toBe("broken");
  expect(samples[0]!.distance).toBeCloseTo(0.3, 5);
});

describe("spatial", () => {
  const shape = { channels: 1, height: 3, width: 3, channelStride: 9, rowStride: 3, columnStride: 1 };
  const image = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  test.each([
    ["nothing", { degrees: 0, down: 0, right: 0 }, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ["one pixel down", { degrees: 0, down: 1, right: 0 }, [0, 0, 0, 1, 2, 3, 4, 5, 6]],
    ["half a pixel to the right", { degrees: 0, down: 0, right: 0.5 }, [0.5, 1.5, 2.5, 2, 4.5, 5.5, 3.5, 7.5, 8.5]],
    ["a quarter turn counter-clockwise", { degrees: 90, down: 0, right: 0 }, [3, 6, 9, 2, 5, 8, 1, 4, 7]],
  ])("moves by %s", (_, pose, expected) => {
    const moved = new Float32Array(9);
    transform(image, moved, shape, pose, 0);
    for (const [i, value] of expected.entries()) expect(moved[i]).toBeCloseTo(value, 5);
  });

  test("tries every pose of the grid but the upright one", async () => {
    const constant = linear([new Array(36).fill(0), new Array(36).fill(0)], [1, 0]);
    const model = { ...constant, inputShape: [1, 6, 6] };
    const { samples } = await run(model, tensor([1, 1, 6, 6]), [0], linf(0), { attack: spatial() });
    expect(samples[0]).toMatchObject({ status: "robust", forward: 1 + 774 });
    const { samples: drawn } = await run(model, tensor([1, 1, 6, 6]), [0], linf(0), { attack: spatial({ draws: 10 }) });
    expect(drawn[0]).toMatchObject({ status: "robust", forward: 1 + 10 });
  });

  test("breaks a model that looks at one pixel, at every epsilon", async () => {
    const pixel = Array.from({ length: 36 }, (_, j) => (j === 14 ? 1 : 0));
    const model = { ...linear([pixel, pixel.map(() => 0)], [0, 0.5]), inputShape: [1, 6, 6] };
    const x = tensor([1, 1, 6, 6]);
    x.data[14] = 1;
    const { samples } = await run(model, x, [0], { norm: "linf", epsilons: [0.1, 0.2] }, { attack: spatial() });
    expect(samples[0]).toMatchObject({ statuses: ["broken", "broken"], distance: 1 });
  });
});
