import { type AnyTensor, sizeOf } from "@casemate/tensor";
import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import { type AttributeLike, float, type GraphBuilder } from "../../src/graph-builder.ts";
import type { Dimension } from "../../src/model.ts";
import type { Value } from "../../src/value.ts";
import { runOnce, tinyModel } from "../tiny-model.ts";
import { expectClose, floats, int64, numbersOf, uniform } from "./harness.ts";

interface Case {
  /** Sizes of an image [channels, …]. */
  readonly image: readonly number[];
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[];
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  /** Leaves the sizes of the image free. */
  readonly anySize?: boolean;
}

const nearest = (coordinates: string, nearestMode: string) => ({
  mode: "nearest",
  coordinate_transformation_mode: coordinates,
  nearest_mode: nearestMode,
});
const linear = (coordinates: string) => ({ mode: "linear", coordinate_transformation_mode: coordinates });
const cubic = (coordinates: string) => ({ mode: "cubic", coordinate_transformation_mode: coordinates });

const nearestModes = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];
const coordinateModes = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"];

const cases: readonly Case[] = [
  ...coordinateModes.flatMap((coordinates) => [
    ...nearestModes.map((mode) => ({
      image: [2, 4, 5],
      scales: [1, 1, 1.75, 0.85],
      attributes: nearest(coordinates, mode),
    })),
    { image: [2, 4, 5], sizes: [1, 2, 7, 3], attributes: linear(coordinates) },
    { image: [1, 6, 5], scales: [1, 1, 0.5, 2.5], attributes: linear(coordinates) },
  ]),
  ...nearestModes.map((mode) => ({
    image: [2, 4, 6],
    scales: [1, 1, 0.5, 0.25],
    attributes: nearest("half_pixel", mode),
  })),
  { image: [2, 3, 4], scales: [1, 1, 2, 2], attributes: nearest("asymmetric", "floor"), anySize: true },
  { image: [2, 3, 4], scales: [1, 1, 2, 3], attributes: nearest("half_pixel", "round_prefer_floor"), anySize: true },
  { image: [2, 3], scales: [1, 1, 4], attributes: nearest("asymmetric", "floor"), anySize: true },
  { image: [2, 3, 4], scales: [1, 1, 1, 2], attributes: nearest("asymmetric", "floor") },
  { image: [1, 2, 3, 2], scales: [1, 1, 2, 2, 2], attributes: nearest("asymmetric", "floor") },
  { image: [1, 2, 3, 2], scales: [1, 1, 2, 1.5, 2], attributes: linear("half_pixel") },
  { image: [2, 4], scales: [1, 1, 2], attributes: linear("half_pixel") },
  { image: [3, 4, 4], scales: [1, 1, 1, 1], attributes: linear("half_pixel") },
  { image: [2, 4, 1], sizes: [1, 2, 1, 1], attributes: linear("pytorch_half_pixel") },
  {
    image: [2, 4, 6],
    sizes: [8, 9],
    attributes: { ...linear("half_pixel"), axes: [2, 3], keep_aspect_ratio_policy: "not_larger" },
  },
  {
    image: [2, 4, 6],
    sizes: [8, 9],
    attributes: { ...linear("half_pixel"), axes: [2, 3], keep_aspect_ratio_policy: "not_smaller" },
  },
  { image: [1, 4, 5], scales: [1, 1, 2, 1.5], attributes: cubic("half_pixel") },
  { image: [1, 4, 5], sizes: [1, 1, 7, 3], attributes: { ...cubic("align_corners"), cubic_coeff_a: float(-0.5) } },
  { image: [1, 4, 5], scales: [1, 1, 2, 0.6], attributes: { ...cubic("half_pixel"), exclude_outside: 1 } },
];

function resizeModel({ image, scales, sizes, attributes, anySize }: Case) {
  const shape: Dimension[] = ["batch", ...image.map((size, axis) => (anySize && axis > 0 ? `n${axis}` : size))];
  return tinyModel(shape, (graph, x) => {
    const given = [
      scales && graph.constant(floats([scales.length], scales)),
      sizes && graph.op("Concat", sizesOf(graph, x, sizes, attributes), { attributes: { axis: 0 } }),
    ];
    return graph.op("Resize", [x, undefined, ...given], { attributes });
  });
}

/** The first of the sizes of all axes is the batch, whatever it is. */
function sizesOf(graph: GraphBuilder, x: Value, sizes: readonly number[], attributes: Case["attributes"]): Value[] {
  if (attributes?.axes) {
    return [graph.constant(int64(sizes))];
  }
  return [
    graph.op("Shape", [x], { dtype: "int64", attributes: { start: 0, end: 1 } }),
    graph.constant(int64(sizes.slice(1))),
  ];
}

test.each(cases.map((each) => ({ ...each, name: JSON.stringify(each) })))("Resize $name", async (given) => {
  const model = resizeModel(given);
  const sample = { x: uniform([1, ...given.image]) };
  const y = (await runOnce(model, { x: basis(given.image) }))[model.graph.outputs[0]!.name]!;
  const perSample = sizeOf(y.shape.slice(1));
  const [rows = 1, columns = 1] = y.shape.slice(-2);
  const weight = (index: number) => Math.sin((1 + (Math.floor(index / columns) % rows)) * (1 + (index % columns)));
  const derived = await differentiate(model, { wrt: ["x"], loss: irregularSum, sample });
  const results = await runOnce(derived, { x: uniform([3, ...given.image], { seed: 4 }) });

  const row = numbersOf(y);
  const expected = Array.from({ length: sizeOf(given.image) }, (_, place) =>
    row.slice(place * perSample, (place + 1) * perSample).reduce((sum, each, index) => sum + weight(index) * each, 0),
  );
  expectClose(numbersOf(results["gradient/x"]!), [expected, expected, expected].flat(), 1e-5, "gradient");
});

/** Weighs each number by the sine of the product of its row and column, counted from 1, at whatever size. */
function irregularSum(graph: GraphBuilder, y: Value): Value {
  const axes = y.shape!.slice(1).map((_, axis) => axis + 1);
  const along = (value: Value, axis: number) => graph.op("CumSum", [value, graph.constant(int64([axis], []))]);
  const products = along(along(graph.filled(y, 1), -1), -2);
  return graph.ReduceSum(graph.Mul(y, graph.Sin(products)), axes, 0);
}

/** One image for each place, 1 there and 0 elsewhere: the operator, being linear, maps them to its own matrix. */
function basis(image: readonly number[]): AnyTensor {
  const size = sizeOf(image);
  return floats(
    [size, ...image],
    Array.from({ length: size * size }, (_, index) => (index % (size + 1) === 0 ? 1 : 0)),
  );
}

test.each([
  { attributes: { ...linear("half_pixel"), antialias: 1 }, got: "antialias" },
  { attributes: linear("tf_crop_and_resize"), got: "tf_crop_and_resize" },
])("Resize with $got is refused", async ({ attributes, got }) => {
  const model = tinyModel(["batch", 1, 4, 4], (graph, x) => {
    const region = graph.constant(floats([8], [0, 0, 0, 0, 1, 1, 1, 1]));
    return graph.op("Resize", [x, region, graph.constant(floats([4], [1, 1, 0.5, 0.5]))], { attributes });
  });
  const loss = (graph: GraphBuilder, y: Value) => graph.ReduceSum(y, [1, 2, 3], 0);
  await expect(differentiate(model, { wrt: ["x"], loss })).rejects.toThrow(
    `expected plain nearest, linear or cubic interpolation, got ${got}`,
  );
});
