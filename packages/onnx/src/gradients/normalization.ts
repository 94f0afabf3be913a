import { OnnxError } from "../errors.ts";
import { float, type GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";
import { everyAxis, fromFront, listOf } from "./axes.ts";
import { describe, type Gradient } from "./gradient.ts";
import { spatialAxes, sumPerChannel } from "./windows.ts";

// y = (x − mean) s + bias per channel with s = scale / sqrt(variance + ε): all but x are weights in inference.
export const BatchNormalization: Gradient = (site) => {
  const { graph, node, dy, inputs, wants, int, float } = site;
  const [x, scale, , mean, variance] = inputs as [Value, Value, Value, Value, Value];
  if (int("training_mode", 0) === 1) {
    if (node.outputs.length === 3 && float("momentum", 0.9) === 0) return throughStatistics(site);
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected inference, got training mode, which mixes the samples of a batch`,
    );
  }
  const others = everyAxis(x).filter((axis) => axis !== 1);
  const sum = (value: Value) => graph.ReduceSum(value, others, 0);
  const perChannel = (value: Value) => channelwise(graph, value, x);
  const inverse = graph.Reciprocal(graph.Sqrt(graph.Add(variance, graph.scalar(float("epsilon", 1e-5), variance))));
  const factor = graph.Mul(scale, inverse);
  const centered = () => graph.Sub(x, perChannel(mean));
  const dVariance = () => {
    const slope = graph.Mul(graph.Mul(factor, graph.Mul(inverse, inverse)), graph.scalar(-0.5, scale));
    return graph.Mul(sum(graph.Mul(dy, centered())), slope);
  };
  return [
    wants(0) ? graph.Mul(dy, perChannel(factor)) : undefined,
    wants(1) ? graph.Mul(sum(graph.Mul(dy, centered())), inverse) : undefined,
    wants(2) ? sum(dy) : undefined,
    wants(3) ? graph.Neg(graph.Mul(sum(dy), factor)) : undefined,
    wants(4) ? dVariance() : undefined,
  ];
};

/**
 * In training, as `normalizeByBatch` writes it: outputs 1 and 2 are the mean and the variance of the batch, which depend on x.
 * dx = s dy − s (x − mean) Σ dy (x − mean) / (n (variance + ε)) − s Σ dy / n per channel, as few passes over x: a line in dy
 * and one in x, which is what the operator computes in inference.
 */
const throughStatistics: Gradient = ({ graph, dy, inputs, outputs, wants, float: floatOf }) => {
  const [x, scale] = inputs as [Value, Value];
  const [, mean, variance] = outputs as [Value, Value, Value];
  const dySum = sumPerChannel(graph, dy);
  const along = graph.Sub(sumPerChannel(graph, graph.Mul(dy, x)), graph.Mul(mean, dySum)); // Σ dy (x − mean)
  const inverse = graph.Reciprocal(graph.Sqrt(graph.Add(variance, graph.scalar(floatOf("epsilon", 1e-5), variance))));
  const dx = () => {
    const [all, channels] = [x, mean].map((value) =>
      graph.Cast(graph.op("Size", [value], { dtype: "int64" }), x.dtype),
    );
    const share = graph.Div(graph.Mul(scale, inverse), graph.Div(all!, channels!)); // s / n
    const tilt = graph.Neg(graph.Mul(graph.Mul(share, graph.Mul(inverse, inverse)), along));
    const offset = graph.Neg(graph.Add(graph.Mul(share, dySum), graph.Mul(tilt, mean)));
    const direct = graph.Mul(dy, channelwise(graph, graph.Mul(scale, inverse), x));
    return graph.Add(direct, line(graph, x, tilt, offset));
  };
  return [wants(0) ? dx() : undefined, wants(1) ? graph.Mul(along, inverse) : undefined, wants(2) ? dySum : undefined];
};

/** slope x + offset, both per channel, in one pass. */
function line(graph: GraphBuilder, x: Value, slope: Value, offset: Value): Value {
  const filled = (number: number) =>
    graph.Expand(graph.scalar(number, x), graph.op("Shape", [slope], { dtype: "int64" }));
  return graph.op("BatchNormalization", [x, slope, offset, filled(0), filled(1)], {
    attributes: { epsilon: float(0) },
  });
}

export const InstanceNormalization: Gradient = ({ graph, dy, inputs, wants, float }) => {
  const [x, scale] = inputs as [Value, Value];
  const { normal, inverse } = standardize(graph, x, 2, float("epsilon", 1e-5));
  const sum = (value: Value) => graph.ReduceSum(value, [0, ...spatialAxes(x)], 0);
  const scaled = () => graph.Mul(dy, channelwise(graph, scale, x));
  return [
    wants(0) ? standardizedGradient(graph, scaled(), normal, inverse, spatialAxes(x)) : undefined,
    wants(1) ? sum(graph.Mul(dy, normal)) : undefined,
    wants(2) ? sum(dy) : undefined,
  ];
};

// The outputs mean and 1 / deviation have slopes 1 / n and −(1 / deviation)² y / n, where y is the normalised x.
export const LayerNormalization: Gradient = ({ graph, inputs, outputs, dys, wants, has, int, float }) => {
  const [x, scale, bias] = inputs as [Value, Value, Value];
  const y = outputs[0]!;
  const axis = fromFront(int("axis", -1), rankOf(x));
  const axes = everyAxis(x).slice(axis);
  const { normal, inverse } = standardize(graph, x, axis, float("epsilon", 1e-5));
  const [dy, dMean, dInverse] = dys.map((each) => each && graph.Cast(each, x.dtype));
  const parts = [
    ...(dy ? [standardizedGradient(graph, graph.Mul(dy, scale), normal, inverse, axes)] : []),
    ...(dMean ? [graph.Div(dMean, countOver(graph, x, axis))] : []),
    ...(dInverse
      ? [
          graph.Mul(
            normal,
            graph.Div(graph.Mul(graph.Neg(dInverse), graph.Mul(inverse, inverse)), countOver(graph, x, axis)),
          ),
        ]
      : []),
  ];
  const whole = () => parts.reduce((sum, part) => graph.Add(sum, part));
  return [
    wants(0) ? (dy ? whole() : graph.Add(whole(), graph.filled(x, 0))) : undefined,
    dy && wants(1) ? graph.sumTo(graph.Mul(dy, normal), y, scale) : undefined,
    dy && has(2) && wants(2) ? graph.sumTo(dy, y, bias) : undefined,
  ];
};

// Scale and bias are given per channel since opset 21, before that per group.
export const GroupNormalization: Gradient = ({ graph, dy, inputs, wants, int, float }) => {
  const [x, scale] = inputs as [Value, Value];
  const groups = int("num_groups", 1);
  const grouped = (value: Value) => graph.Reshape(value, graph.ints([0, groups, -1]), [x.shape![0]!, groups, "rest"]);
  const { normal, inverse } = standardize(graph, grouped(x), 2, float("epsilon", 1e-5));
  const isPerChannel = scale.shape?.[0] === x.shape?.[1];
  const sum = (value: Value) =>
    isPerChannel
      ? graph.ReduceSum(graph.reshapeLike(value, x), [0, ...spatialAxes(x)], 0)
      : graph.ReduceSum(grouped(value), [0, 2], 0);
  const scaled = () =>
    isPerChannel
      ? grouped(graph.Mul(dy, channelwise(graph, scale, x)))
      : graph.Mul(grouped(dy), graph.Reshape(scale, graph.ints([groups, 1])));
  return [
    wants(0) ? graph.reshapeLike(standardizedGradient(graph, scaled(), normal, inverse, [2]), x) : undefined,
    wants(1) ? sum(graph.Mul(grouped(dy), normal)) : undefined,
    wants(2) ? sum(dy) : undefined,
  ];
};

// y = x / r with r = sqrt(mean(x²) + ε): dx = (dy − y mean(dy y)) / r
export const RMSNormalization: Gradient = ({ graph, dy, inputs, outputs, wants, int, float }) => {
  const [x, scale] = inputs as [Value, Value];
  const axes = everyAxis(x).slice(fromFront(int("axis", -1), rankOf(x)));
  const square = graph.Add(mean(graph, graph.Mul(x, x), axes), graph.scalar(float("epsilon", 1e-5), x));
  const inverse = graph.Reciprocal(graph.Sqrt(square));
  const normal = graph.Mul(x, inverse);
  const dx = () => {
    const scaled = graph.Mul(dy, scale);
    const along = graph.Mul(normal, mean(graph, graph.Mul(scaled, normal), axes));
    return graph.Mul(graph.Sub(scaled, along), inverse);
  };
  return [wants(0) ? dx() : undefined, wants(1) ? graph.sumTo(graph.Mul(dy, normal), outputs[0]!, scale) : undefined];
};

export const MeanVarianceNormalization: Gradient = ({ graph, dy, inputs: [x], ints }) => {
  const axes = (ints("axes") ?? [0, 2, 3]).map((axis) => fromFront(axis, rankOf(x!)));
  const centered = graph.Sub(x!, mean(graph, x!, axes));
  const deviation = graph.Sqrt(mean(graph, graph.Mul(centered, centered), axes));
  const inverse = graph.Reciprocal(graph.Add(deviation, graph.scalar(1e-9, x!))); // the standard's guard against 0
  return [standardizedGradient(graph, dy, graph.Mul(centered, inverse), inverse, axes)];
};

// y = x D^−β with D = bias + α / size Σ x² over the channels near: dx = dy D^−β − 2 α β / size x Σ dy y / D
export const LRN: Gradient = ({ graph, node, dy, inputs: [x], outputs: [y], int, float }) => {
  const channels = x!.shape![1]!;
  if (typeof channels !== "number") {
    throw new OnnxError("UNSUPPORTED_OPERATOR", `${describe(node)}: expected a fixed number of channels`);
  }
  const size = int("size", 1);
  const [alpha, beta] = [float("alpha", 1e-4), float("beta", 0.75)];
  const near = (value: Value, transposed: boolean) => {
    const flat = graph.Reshape(value, graph.ints([0, 0, -1]));
    return graph.reshapeLike(graph.MatMul(band(graph, channels, size, transposed, x!), flat), x!);
  };
  const scaledSum = graph.Mul(near(graph.Mul(x!, x!), false), graph.scalar(alpha / size, x!));
  const divisor = graph.Add(scaledSum, graph.scalar(float("bias", 1), x!));
  const direct = graph.Mul(dy, graph.Pow(divisor, graph.scalar(-beta, x!)));
  const shared = near(graph.Div(graph.Mul(dy, y!), divisor), true);
  return [graph.Sub(direct, graph.Mul(graph.Mul(x!, shared), graph.scalar((2 * alpha * beta) / size, x!)))];
};

// y = x / n with n the norm: dx = (dy − slope of n · Σ dy y) / n, and 0 where n = 0
export const LpNormalization: Gradient = ({ graph, dy, inputs: [x], outputs: [y], int }) => {
  const axes = [fromFront(int("axis", -1), rankOf(x!))];
  const isEuclidean = int("p", 2) === 2;
  const attributes = { keepdims: 1 };
  const norm = graph.op(isEuclidean ? "ReduceL2" : "ReduceL1", [x, graph.ints(axes)], { attributes });
  const along = graph.Mul(isEuclidean ? y! : graph.Sign(x!), graph.ReduceSum(graph.Mul(dy, y!), axes));
  const zeros = graph.scalar(0, x!);
  return [graph.Where(graph.Equal(norm, zeros), zeros, graph.Div(graph.Sub(dy, along), norm))];
};

/** x with mean 0 and variance 1 over the axes from `axis` on, and 1 / deviation; one kernel gives both, except in float64. */
function standardize(graph: GraphBuilder, x: Value, axis: number, epsilon: number): { normal: Value; inverse: Value } {
  const axes = everyAxis(x).slice(axis);
  if (x.dtype === "float64") {
    const centered = graph.Sub(x, mean(graph, x, axes));
    const variance = mean(graph, graph.Mul(centered, centered), axes);
    const inverse = graph.Reciprocal(graph.Sqrt(graph.Add(variance, graph.scalar(epsilon, x))));
    return { normal: graph.Mul(centered, inverse), inverse };
  }
  const extents = axes.map((each) => {
    const extent = x.shape![each]!;
    return typeof extent === "number" ? extent : graph.extentOf(x, each);
  });
  const ones = graph.Expand(graph.scalar(1, x), listOf(graph, extents));
  const attributes = { axis, epsilon: float(epsilon) };
  const [normal, , inverse] = graph.ops("LayerNormalization", [x, ones], 3, { attributes });
  return {
    normal: { ...normal!, shape: x.shape },
    inverse: graph.Cast({ ...inverse!, dtype: "float32" }, x.dtype), // the standard gives it in float32, whatever x is
  };
}

/** dx = (dy − mean(dy) − y mean(dy y)) / deviation for y = (x − mean(x)) / deviation over `axes`. */
function standardizedGradient(
  graph: GraphBuilder,
  dy: Value,
  normal: Value,
  inverse: Value,
  axes: readonly number[],
): Value {
  const along = graph.Mul(normal, mean(graph, graph.Mul(dy, normal), axes));
  return graph.Mul(graph.Sub(graph.Sub(dy, mean(graph, dy, axes)), along), inverse);
}

function mean(graph: GraphBuilder, value: Value, axes: readonly number[]): Value {
  return graph.op("ReduceMean", [value, graph.ints(axes)], { attributes: { keepdims: 1 } });
}

/** How many numbers lie along the axes from `axis` on, in the element type of x. */
function countOver(graph: GraphBuilder, x: Value, axis: number): Value {
  const sizes = graph.Slice(graph.shapeOf(x), [axis], [rankOf(x)], [0]);
  return graph.Cast(graph.op("ReduceProd", [sizes, graph.ints([0])], { attributes: { keepdims: 0 } }), x.dtype);
}

/** A list with one number per channel, made to broadcast over [batch, channels, …]. */
function channelwise(graph: GraphBuilder, list: Value, x: Value): Value {
  return graph.Reshape(list, graph.ints([-1, ...spatialAxes(x).map(() => 1)]));
}

/** [channels, channels]: 1 where the column's channel lies in the row's neighbourhood, or the transpose of that. */
function band(graph: GraphBuilder, channels: number, size: number, transposed: boolean, like: Value): Value {
  const data = new Float32Array(channels * channels);
  for (let center = 0; center < channels; center++) {
    const first = Math.max(0, center - Math.floor((size - 1) / 2));
    const last = Math.min(channels - 1, center + Math.ceil((size - 1) / 2));
    for (let channel = first; channel <= last; channel++) {
      data[transposed ? channel * channels + center : center * channels + channel] = 1;
    }
  }
  return graph.Cast(graph.constant({ dtype: "float32", shape: [channels, channels], data }), like.dtype);
}
