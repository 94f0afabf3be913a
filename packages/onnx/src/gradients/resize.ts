import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";
import { type Amount, amount, extent } from "./amounts.ts";
import { everyAxis, fromFront, listOf } from "./axes.ts";
import { describe, type Gradient, type Site } from "./gradient.ts";
import { type Interpolation, interpolationMatrix } from "./interpolation.ts";

// Resize multiplies each axis by a matrix; the gradient multiplies by the transposes.
export const Resize: Gradient = (site) => {
  const { graph, dy, inputs, wants } = site;
  const [x] = inputs;
  if (!wants(0)) {
    return [];
  }
  const interpolation = interpolationOf(site);
  const axes = resizedAxes(site);
  const repeats = axes.map((axis) => repeatsOf(axis, interpolation));
  const spatial = everyAxis(x!).slice(2);
  if (rankOf(x!) <= 5 && axes.every(({ axis }) => axis >= 2) && repeats.every((each) => each !== undefined)) {
    const kernel = spatial.map((axis) => repeats[axes.findIndex((each) => each.axis === axis)] ?? 1);
    return [sumOfBlocks(graph, dy, kernel)];
  }
  return [axes.length === 0 ? dy : throughMatrices(site, axes, interpolation)];
};

interface ResizedAxis {
  readonly axis: number;
  readonly original: Amount;
  readonly resized: Amount;
  readonly scale: number | undefined;
}

function interpolationOf({ node, int, float, string }: Site): Interpolation {
  const mode = string("mode", "nearest");
  const coordinates = string("coordinate_transformation_mode", "half_pixel");
  const refuse = (got: string): never => {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected plain nearest, linear or cubic interpolation, got ${got}`,
    );
  };
  if (mode !== "nearest" && mode !== "linear" && mode !== "cubic") {
    return refuse(`mode ${mode}`);
  }
  if (coordinates === "tf_crop_and_resize") {
    return refuse(coordinates);
  }
  if (int("antialias", 0) === 1) {
    return refuse("antialias");
  }
  return {
    mode,
    coordinates,
    nearestMode: string("nearest_mode", "round_prefer_floor"),
    cubicCoefficient: float("cubic_coeff_a", -0.75),
    excludeOutside: int("exclude_outside", 0) === 1,
  };
}

/** The axes that change, last first. */
function resizedAxes(site: Site): readonly ResizedAxis[] {
  const { graph, inputs, outputs, has, numbers, ints, string } = site;
  const [x, y] = [inputs[0]!, outputs[0]!];
  const named = (ints("axes") ?? everyAxis(x)).map((axis) => fromFront(axis, rankOf(x)));
  const scales = has(2) ? numbers(2) : [];
  const policy = string("keep_aspect_ratio_policy", "stretch");
  const ratios = named.map((axis, index) => {
    const [original, size] = [x.shape![axis], has(3) && policy !== "stretch" ? numbers(3)[index] : y.shape![axis]];
    return typeof original === "number" && typeof size === "number" ? size / original : undefined;
  });
  const common = policy === "not_larger" ? Math.min : policy === "not_smaller" ? Math.max : undefined;
  return named
    .map((axis, index) => ({
      axis,
      original: extent(graph, x, axis),
      resized: extent(graph, y, axis),
      scale: scales[index] ?? (common ? common(...(ratios as number[])) : ratios[index]),
    }))
    .filter(({ scale, axis }) => scale !== 1 && !(scale === undefined && x.shape![axis] === y.shape![axis]))
    .sort((a, b) => b.axis - a.axis);
}

/** How many times an axis repeats each number, where that is all it does. */
function repeatsOf({ original, scale }: ResizedAxis, interpolation: Interpolation): number | undefined {
  if (interpolation.mode !== "nearest" || scale === undefined || !Number.isInteger(scale) || scale < 1) {
    return undefined;
  }
  const size = typeof original === "number" ? original : 16; // the pattern is the same at every size
  const matrix = interpolationMatrix(size, size * scale, scale, interpolation);
  const isRepeating = matrix.every(
    (weight, index) => weight === (Math.floor(Math.floor(index / size) / scale) === index % size ? 1 : 0),
  );
  return isRepeating ? scale : undefined;
}

/** Sums dy over the blocks that came from one number, as pooling does fast. */
function sumOfBlocks(graph: GraphBuilder, dy: Value, kernel: readonly number[]): Value {
  const mean = graph.op("AveragePool", [dy], { attributes: { kernel_shape: kernel, strides: kernel } });
  const size = kernel.reduce((product, each) => product * each, 1);
  return graph.Mul(mean, graph.scalar(size, dy));
}

function throughMatrices(
  { graph, node, dy, inputs, outputs }: Site,
  axes: readonly ResizedAxis[],
  interpolation: Interpolation,
): Value {
  const x = inputs[0]!;
  const extents = everyAxis(x).map((axis) => extent(graph, outputs[0]!, axis));
  let result = dy;
  for (const { axis, original, resized, scale } of axes) {
    if (typeof original !== "number" || typeof resized !== "number" || scale === undefined) {
      throw new OnnxError(
        "UNSUPPORTED_OPERATOR",
        `${describe(node)}: expected axis ${axis} to have a fixed size, got one that changes with the model's input`,
      );
    }
    const data = interpolationMatrix(original, resized, scale, interpolation);
    const matrix = graph.Cast(graph.constant({ dtype: "float32", shape: [resized, original], data }), x.dtype);
    const inner = extents.slice(axis + 1).reduce((product, each) => amount(graph, "Mul", product, each), 1);
    const planes = graph.Reshape(result, listOf(graph, inner === 1 ? [-1, resized] : [-1, resized, inner]));
    result = inner === 1 ? graph.MatMul(planes, matrix) : graph.MatMul(graph.Transpose(matrix, [1, 0]), planes);
    extents[axis] = original;
  }
  return graph.reshapeLike(result, x);
}
