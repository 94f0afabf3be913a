import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";
import { type Amount, amount, extent } from "./amounts.ts";
import { listOf } from "./axes.ts";
import { scatterWindows } from "./convolution.ts";
import { describe, type Gradient, type Site } from "./gradient.ts";
import { coveredBy, padAxes, spanOf, spatialAxes, type Window, windowsOf } from "./windows.ts";

// Each place gets dy / count from every window that it is in; count is how many places the window's mean is over.
export const AveragePool: Gradient = (site) => {
  const { graph, dy } = site;
  const windows = poolWindows(site);
  return [sumOfWindows(site, graph.Div(dy, countOf(site, windows)), windows)];
};

// Each window's first largest place gets its gradient, as in PyTorch.
export const MaxPool: Gradient = (site) => {
  const { graph, dy, node, inputs } = site;
  const [x] = inputs;
  const { storage_order, ...attributes } = node.attributes;
  const winners = { ...graph.ops("MaxPool", [x], 2, { attributes })[1]!, dtype: "int64" } as const;
  const windows = poolWindows(site);
  const areApart = windows.every((window) => window.stride >= spanOf(window) && window.before === 0);
  if (areApart && x!.dtype === "float32") {
    // The runtime only checks the kernel against the output's shape, which windows of one place never exceed.
    const attributes = { kernel_shape: windows.map(() => 1), strides: windows.map(({ stride }) => stride) };
    return [graph.op("MaxUnpool", [dy, winners, graph.shapeOf(x!)], { attributes })];
  }
  const flat = graph.ints([-1]);
  const zeros = graph.Reshape(graph.filled(x!, 0), flat);
  const sums = graph.ScatterElements(zeros, graph.Reshape(winners, flat), graph.Reshape(dy, flat), 0, "add");
  return [graph.reshapeLike(sums, x!)];
};

// y = (Σ |x|ᵖ)^(1/p) has slope sign(x) (|x| / y)^(p−1), and 0 where y = 0
export const LpPool: Gradient = (site) => {
  const { graph, dy, inputs, outputs, int } = site;
  const p = int("p", 2);
  const weighted = overPower(graph, dy, outputs[0]!, p - 1);
  return [graph.Mul(sumOfWindows(site, weighted, poolWindows(site)), signedPower(graph, inputs[0]!, p - 1))];
};

export const GlobalAveragePool: Gradient = ({ graph, dy, inputs: [x] }) => {
  const spatial = spatialAxes(x!);
  const extents = spatial.map((axis) => extent(graph, x!, axis));
  const count = extents.reduce((product, each) => amount(graph, "Mul", product, each), 1);
  const share =
    typeof count === "number" ? graph.Mul(dy, graph.scalar(1 / count, dy)) : graph.Div(dy, graph.Cast(count, dy.dtype));
  return [graph.Expand(share, listOf(graph, [1, 1, ...extents]), x!.shape)];
};

// Equal winners share the gradient evenly, as in torch.amax.
export const GlobalMaxPool: Gradient = ({ graph, dy, inputs: [x], outputs: [y] }) => {
  const wins = graph.Cast(graph.Equal(x!, y!), dy.dtype);
  return [graph.Mul(wins, graph.Div(dy, graph.ReduceSum(wins, spatialAxes(x!))))];
};

export const GlobalLpPool: Gradient = ({ graph, dy, inputs: [x], outputs: [y], int }) => {
  const p = int("p", 2);
  return [graph.Mul(overPower(graph, dy, y!, p - 1), signedPower(graph, x!, p - 1))];
};

/** Sums, for each place of the input, the numbers of the windows that it is in. */
function sumOfWindows({ graph, inputs, outputs }: Site, response: Value, windows: readonly Window[]): Value {
  const x = inputs[0]!;
  const spatial = windows.map(({ axis }) => extent(graph, outputs[0]!, axis));
  if (windows.every((each) => each.before === 0 && each.stride === spanOf(each) && each.dilation === 1)) {
    return repeated(graph, response, x, spatial, windows);
  }
  const kernel = windows.map((window) => window.kernel);
  const single = graph.Reshape(response, listOf(graph, [-1, 1, ...spatial]));
  const ones = graph.Expand(graph.scalar(1, x), graph.ints([1, 1, ...kernel]), [1, 1, ...kernel]);
  const alone = (value: Value, like: Value): Value => ({ ...value, shape: ["n", 1, ...like.shape!.slice(2)] });
  const summed = scatterWindows(graph, alone(single, outputs[0]!), ones, windows, 1, alone(x, x));
  return graph.reshapeLike(summed, x);
}

/** Repeats each number over its window, where windows lie side by side, with zeros behind the last. */
function repeated(
  graph: GraphBuilder,
  response: Value,
  x: Value,
  spatial: readonly Amount[],
  windows: readonly Window[],
): Value {
  const pairs = (inner: (window: Window) => number) => windows.flatMap((each, index) => [spatial[index]!, inner(each)]);
  const apart = graph.Reshape(response, listOf(graph, [0, 0, ...pairs(() => 1)]));
  const tiled = graph.Expand(apart, listOf(graph, [1, 1, ...pairs(({ kernel }) => kernel)]));
  const covered = windows.map(({ kernel }, index) => amount(graph, "Mul", spatial[index]!, kernel));
  const margins = windows.map(({ axis }, index) => ({
    axis,
    before: 0,
    after: amount(graph, "Sub", extent(graph, x, axis), covered[index]!),
  }));
  return padAxes(graph, graph.Reshape(tiled, listOf(graph, [0, 0, ...covered])), margins);
}

/** Over how many places each window's mean is: [1, 1, …] in the shape of the windows, or one number. */
function countOf(site: Site, windows: readonly Window[]): Value {
  const { graph, dy, inputs, outputs, int } = site;
  const [x, y] = [inputs[0]!, outputs[0]!];
  const withPadding = int("count_include_pad", 0) === 1;
  const size = windows.reduce((product, { kernel }) => product * kernel, 1);
  const isPadded = windows.some(({ before, after }) => before !== 0 || after !== 0);
  if (int("ceil_mode", 0) === 0 && (withPadding || !isPadded)) {
    return graph.scalar(size, dy);
  }
  const margins = windows.map((window) => {
    const padding = amount(graph, "Add", window.before, window.after);
    const padded = amount(graph, "Add", extent(graph, x, window.axis), padding);
    const beyond = amount(graph, "Max", amount(graph, "Sub", coveredBy(graph, y, window), padded), 0);
    return withPadding
      ? { axis: window.axis, counted: padded, before: 0, after: beyond }
      : {
          axis: window.axis,
          counted: extent(graph, x, window.axis),
          before: window.before,
          after: amount(graph, "Add", window.after, beyond),
        };
  });
  const counted: Amount[] = [1, 1, ...margins.map((margin) => margin.counted)];
  const ones = padAxes(graph, graph.Expand(graph.scalar(1, dy), listOf(graph, counted)), margins);
  const kernel = windows.map((window) => window.kernel);
  const places = graph.Expand(graph.scalar(1, dy), graph.ints([1, 1, ...kernel]));
  const attributes = {
    strides: windows.map(({ stride }) => stride),
    dilations: windows.map(({ dilation }) => dilation),
  };
  return graph.op("Conv", [ones, places], { attributes });
}

function poolWindows(site: Site): readonly Window[] {
  const kernel = site.ints("kernel_shape");
  if (!kernel) {
    throw new OnnxError("MALFORMED_MODEL", `${describe(site.node)}: expected attribute kernel_shape, got none`);
  }
  return windowsOf(site, kernel);
}

/** dy / yⁿ, and 0 where y = 0. */
function overPower(graph: GraphBuilder, dy: Value, y: Value, exponent: number): Value {
  if (exponent === 0) {
    return dy;
  }
  const power = exponent === 1 ? y : graph.Pow(y, graph.scalar(exponent, y));
  const zeros = graph.scalar(0, y);
  return graph.Where(graph.Equal(y, zeros), zeros, graph.Div(dy, power));
}

/** sign(x) |x|ⁿ */
function signedPower(graph: GraphBuilder, x: Value, exponent: number): Value {
  if (exponent === 1) {
    return x;
  }
  const sign = graph.Sign(x);
  return exponent === 0 ? sign : graph.Mul(sign, graph.Pow(graph.Abs(x), graph.scalar(exponent, x)));
}
