import {
  featureSqueezing,
  type InputDefence,
  jpegCompression,
  noisyAnswers,
  reverseSigmoid,
  roundedAnswers,
  spatialSmoothing,
  totalVarianceMinimization,
} from "@casemate/attacks";
import { type Model, openSession, tensorInitializer } from "@casemate/onnx";
import { type Shape, tensor } from "@casemate/tensor";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  bitDepth,
  DefenseError,
  gaussianBlurPurification,
  gaussianNoisePurification,
  jpeg,
  labelOnly,
  medianFilter,
  type OutputHardening,
  outputNoise,
  type Purification,
  reverseSigmoidAnswers,
  roundedOutputs,
  topK,
  totalVariance,
  type WrapOptions,
  wrapModel,
} from "../../src/index.ts";

const unit = { lower: 0, upper: 1 };
const draw = { seed: 0, stream: 0, sample: 0, step: 0 };

/** y = x. */
function identity(shape: Shape, opset = 18): Model {
  return {
    irVersion: 8,
    opsets: new Map([["", opset]]),
    producer: "",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "identity",
      nodes: [{ name: "same", op: "Add", domain: "", inputs: ["x", "zero"], outputs: ["y"], attributes: {} }],
      inputs: [{ name: "x", dtype: "float32", shape: ["batch", ...shape], kind: "tensor" }],
      outputs: [{ name: "y", dtype: "float32", shape: ["batch", ...shape], kind: "tensor" }],
      initializers: new Map([["zero", tensorInitializer("zero", tensor([], Float32Array.of(0)))]]),
    },
  };
}

async function answers(shape: Shape, x: Float32Array, options: Partial<WrapOptions>, opset?: number) {
  const output = { name: "y", kind: "probabilities", classes: shape[0]! } as const;
  const all = { bounds: unit, inputName: "x", inputShape: shape, output, ...options };
  const model = await wrapModel(identity(shape, opset), all);
  const session = await openSession(model);
  onTestFinished(() => session.dispose());
  expect(session.inputs.map(({ name }) => name)).toEqual(["x"]);
  expect(session.outputs.map(({ name }) => name)).toEqual(["y"]);
  const { y } = await session.run({ x: tensor([x.length / shape.reduce((a, b) => a * b, 1), ...shape], x) });
  return y!.data as Float32Array;
}

/** Bytes of a linear congruence. */
function bytes(count: number): number[] {
  let state = 1n;
  return Array.from({ length: count }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return Number((state >> 16n) % 256n);
  });
}

const shares = (values: readonly number[]) => Float32Array.from(values, (value) => value / 255);

describe("purified inputs", () => {
  const x = bytes(30); // 5 × 6

  /** scipy.ndimage.median_filter(x, size, mode="reflect") of SciPy 1.17. */
  test.each([
    [3, median3()],
    [2, median2()],
  ])("the median of %i × %i is SciPy's", async (size, expected) => {
    const found = await answers([1, 5, 6], shares(x), { purify: [medianFilter({ size })] });
    expect([...found].map((value) => Math.round(value * 255))).toEqual(expected);
  });

  /** scipy.ndimage.gaussian_filter(x / 255, 1, mode="reflect", truncate=4), first and last row. */
  test("the Gaussian blur is SciPy's", async () => {
    const found = await answers([1, 5, 6], shares(x), { purify: [gaussianBlurPurification()] });
    const first = [0.7193912, 0.6316947, 0.5537652, 0.5397699, 0.6121359, 0.7565773];
    const last = [0.409224, 0.457217, 0.4649011, 0.4413166, 0.4442849, 0.4604586];
    for (const [j, value] of first.entries()) expect(found[j]).toBeCloseTo(value, 5);
    for (const [j, value] of last.entries()) expect(found[24 + j]).toBeCloseTo(value, 5);
  });

  /** What Pillow 12 decodes of its own file at quality 60: first and last row of 10 × 9. */
  test("JPEG leaves what Pillow leaves, to a step of rounding", async () => {
    const picture = Array.from({ length: 90 }, (_, i) => (17 * Math.floor(i / 9) + 9 * (i % 9)) % 256);
    const found = await answers([1, 10, 9], shares(picture), { purify: [jpeg({ quality: 60 })] });
    const [first, last] = [
      [0, 7, 16, 26, 34, 44, 54, 60, 71],
      [153, 160, 169, 179, 187, 197, 206, 213, 224],
    ];
    for (const [j, value] of first!.entries()) expect(Math.abs(255 * found[j]! - value)).toBeLessThan(1.5);
    for (const [j, value] of last!.entries()) expect(Math.abs(255 * found[81 + j]! - value)).toBeLessThan(1.5);
  });

  interface Pair {
    readonly purification: Purification;
    readonly attacked: InputDefence;
    readonly shape: Shape;
    readonly layout?: "channels-first" | "channels-last";
  }
  const pairs: readonly Pair[] = [
    { purification: bitDepth({ bits: 3 }), attacked: featureSqueezing({ bits: 3 }), shape: [7] },
    { purification: bitDepth({ bits: 3 }), attacked: featureSqueezing({ bits: 3 }), shape: [3, 9, 11] },
    { purification: medianFilter(), attacked: spatialSmoothing(), shape: [9, 11, 3], layout: "channels-last" },
    { purification: medianFilter({ size: 4 }), attacked: spatialSmoothing({ window: 4 }), shape: [3, 9, 11] },
    { purification: jpeg({ quality: 40 }), attacked: jpegCompression({ quality: 40 }), shape: [9, 11] },
    { purification: jpeg({ quality: 75 }), attacked: jpegCompression({ quality: 75 }), shape: [3, 9, 11] },
    { purification: jpeg(), attacked: jpegCompression({ quality: 75 }), shape: [8, 16, 3], layout: "channels-last" },
    {
      purification: totalVariance({ kept: 1, iterations: 60 }),
      attacked: totalVarianceMinimization({ kept: 1, iterations: 60 }),
      shape: [2, 9, 11],
    },
  ];
  test.each(pairs)("$purification.name of [$shape] does what attacks go through", async (pair) => {
    const { purification, attacked, shape, layout = "channels-first" } = pair;
    const width = shape.reduce((a, b) => a * b, 1);
    const bounds = { lower: -2, upper: Float32Array.from({ length: width }, (_, j) => 2 + (j % 2)) };
    const wide = bytes(2 * width).map((value, i) => -2 + (value / 255) * (4 + ((i % width) % 2)));
    const batch = Float32Array.from(wide);
    const found = await answers(shape, batch, { purify: [purification], bounds, layout });
    for (const row of [0, 1]) {
      const sample = batch.subarray(row * width, (row + 1) * width);
      const expected = attacked.apply(sample, { inputShape: shape, layout, bounds, draw });
      for (let j = 0; j < width; j++) expect(Math.abs(found[row * width + j]! - expected[j]!)).toBeLessThan(1e-3);
    }
  });

  test("several stand in the order given, also before a model of an old opset", async () => {
    const purify = [medianFilter(), bitDepth({ bits: 1 })];
    const found = await answers([1, 5, 6], shares(x), { purify }, 13);
    expect([...found]).toEqual(median3().map((value) => Math.round(value / 255)));
  });

  test("Gaussian noise has the deviation asked for, and ends at the range", async () => {
    const middle = new Float32Array(20_000).fill(0.5);
    const found = await answers([10], middle, { purify: [gaussianNoisePurification({ deviation: 0.05 })] });
    const deviation = Math.sqrt(found.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / found.length);
    expect(Math.abs(deviation / 0.05 - 1)).toBeLessThan(0.05); // ten standard errors
    const loud = await answers([10], middle, { purify: [gaussianNoisePurification({ deviation: 5 })] });
    expect(Math.min(...loud)).toBe(0);
    expect(Math.max(...loud)).toBe(1);
  });

  test("dropped pixels are filled in smoothly", async () => {
    const smooth = await answers([1, 5, 6], shares(x), { purify: [totalVariance({ kept: 0.5 })] });
    const variation = (z: Float32Array) =>
      z.reduce((sum, value, i) => sum + (i % 6 ? Math.abs(value - z[i - 1]!) : 0), 0);
    expect(variation(smooth)).toBeLessThan(variation(shares(x)));
  });

  test("a row of a table has no median", async () => {
    await expect(answers([4], new Float32Array(4), { purify: [medianFilter()] })).rejects.toThrow(
      "median: expected an image, got an input of [4]",
    );
  });
});

describe("hardened outputs", () => {
  const p = Float32Array.of(0.7, 0.2, 0.1, 0.0504, 0.3496, 0.6, 0.25, 0.25, 0.5);
  const rowsThrough = (apply: (row: Float32Array) => Float32Array) =>
    [0, 3, 6].flatMap((start) => [...apply(p.subarray(start, start + 3))]);
  const close = (found: Float32Array, expected: readonly number[]) => {
    for (const [i, value] of expected.entries()) expect(found[i], `at ${i}`).toBeCloseTo(value, 5);
  };

  test("rounding and the reverse sigmoid do what attacks go through", async () => {
    close(
      await answers([3], p, { hardenOutput: [roundedOutputs({ decimals: 2 })] }),
      rowsThrough((row) => roundedAnswers({ decimals: 2 }).apply(row, row)),
    );
    close(
      await answers([3], p, { hardenOutput: [reverseSigmoidAnswers()] }),
      rowsThrough((row) => reverseSigmoid().apply(row, row)),
    );
  });

  test("top-k keeps the largest, the first of equals, and all where there are no more", async () => {
    const found = await answers([3], p, { hardenOutput: [topK({ k: 2 })] });
    close(found, [0.7, 0.2, 0, 0, 0.3496, 0.6, 0.25, 0, 0.5]);
    close(await answers([3], p, { hardenOutput: [topK({ k: 5 })] }), [...p]);
  });

  test("label-only is 1 at the class", async () => {
    close(await answers([3], p, { hardenOutput: [labelOnly()] }), [1, 0, 0, 0, 0, 1, 0, 0, 1]);
  });

  test("noise has the deviation asked for, and none of it is below 0, as what attacks go through", async () => {
    const many = new Float32Array(30_000).fill(1 / 3);
    const found = await answers([3], many, { hardenOutput: [outputNoise({ deviation: 0.02 })] });
    const deviation = Math.sqrt(found.reduce((sum, value) => sum + (value - 1 / 3) ** 2, 0) / found.length);
    expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(0.05);
    const loud = await answers([3], many, { hardenOutput: [outputNoise({ deviation: 5 })] });
    expect(Math.min(...loud)).toBe(0);
    expect(Math.min(...noisyAnswers({ deviation: 5 }).apply(many, many))).toBe(0);
  });

  test.each([
    { kind: "logits", shape: [3], z: [2, 1, -1], expected: [0, Math.log(1e-12), Math.log(1e-12)] },
    { kind: "logit", shape: [1], z: [3], expected: [-Math.log(1e-12)] },
    { kind: "logit", shape: [1], z: [-3], expected: [Math.log(1e-12)] },
    { kind: "probability", shape: [1], z: [0.7], expected: [1] },
    { kind: "probability", shape: [], z: [0.2], expected: [0] },
  ] as const)("an output of $kind [$shape] keeps its form: $z", async ({ kind, shape, z, expected }) => {
    const output = { name: "y", kind, classes: kind === "logits" ? 3 : 2 } as const;
    const found = await answers(shape, Float32Array.from(z), { hardenOutput: [labelOnly()], output });
    expect(found.length).toBe(expected.length);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4);
  });

  test("labels are refused", async () => {
    const output = { name: "y", kind: "labels", classes: 3 } as const;
    await expect(answers([3], p, { hardenOutput: [labelOnly()], output })).rejects.toThrow(DefenseError);
  });
});

test.each<() => Purification | OutputHardening>([
  () => bitDepth({ bits: 0 }),
  () => medianFilter({ size: 1 }),
  () => jpeg({ quality: 101 }),
  () => totalVariance({ kept: 0 }),
  () => gaussianNoisePurification({ deviation: -1 }),
  () => gaussianBlurPurification({ deviation: 0 }),
  () => topK({ k: 0 }),
  () => roundedOutputs({ decimals: 0.5 }),
  () => outputNoise({ deviation: Number.NaN }),
  () => reverseSigmoidAnswers({ gamma: -1 }),
])("%s is refused", (make) => {
  expect(make).toThrow(DefenseError);
});

function median3(): number[] {
  return [
    198, 129, 126, 107, 189, 223, 198, 129, 129, 129, 189, 191, 124, 124, 135, 114, 135, 189, 103, 103, 114, 114, 114,
    136, 103, 103, 102, 114, 114, 136,
  ];
}

function median2(): number[] {
  return [
    198, 198, 129, 129, 107, 251, 226, 226, 129, 129, 189, 223, 226, 226, 225, 225, 189, 191, 124, 124, 222, 135, 114,
    71, 103, 103, 135, 114, 114, 136,
  ];
}
