import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";
import { type Amount, amount, extent } from "./amounts.ts";
import type { Gradient, Site } from "./gradient.ts";
import { weightGradient } from "./weight-gradient.ts";
import { coveredBy, halves, kernelOf, padAxes, spanOf, sumPerChannel, type Window, windowsOf } from "./windows.ts";

export const Conv: Gradient = (site) => {
  const { graph, dy, inputs, wants, has, int } = site;
  const [x, weight] = inputs as [Value, Value];
  const windows = windowsOf(site, kernelOf(site, weight));
  const response = { ...dy, shape: site.outputs[0]!.shape };
  const group = int("group", 1);
  return [
    wants(0) ? scatterWindows(graph, response, weight, windows, group, x) : undefined,
    wants(1) ? weightGradient(graph, x, response, windows, group, weight) : undefined,
    has(2) && wants(2) ? sumPerChannel(graph, dy) : undefined,
  ];
};

// The transposed convolution is the input gradient of a convolution, and the other way round.
export const ConvTranspose: Gradient = (site) => {
  const { graph, dy, inputs, wants, has, int } = site;
  const [x, weight] = inputs as [Value, Value];
  const image = { ...dy, shape: site.outputs[0]!.shape };
  const windows = transposedWindows(site, kernelOf(site, weight));
  const group = int("group", 1);
  return [
    wants(0) ? convolve(graph, image, weight, windows, group) : undefined,
    wants(1) ? weightGradient(graph, image, x, windows, group, weight) : undefined,
    has(2) && wants(2) ? sumPerChannel(graph, dy) : undefined,
  ];
};

/**
 * Lays each number of `response` [batch, out, …], times the weight [out, in / group, …kernel], over the places that its
 * window took from `image` [batch, in, …], and sums: the transpose of a convolution.
 */
export function scatterWindows(
  graph: GraphBuilder,
  response: Value,
  weight: Value,
  windows: readonly Window[],
  group: number,
  image: Value,
): Value {
  // At stride 1 the transpose is a convolution with the flipped weight, for which the runtime has its fastest kernels.
  if (windows.every((window) => window.stride === 1 && reachBefore(window) >= 0 && reachAfter(window) >= 0)) {
    return graph.op("Conv", [response, flipped(graph, weight, windows, group)], {
      attributes: {
        ...windowAttributes(windows),
        pads: [...windows.map(reachBefore), ...windows.map(reachAfter)],
        group,
      },
    });
  }
  const margins = windows.map((window) => {
    const covered = coveredBy(graph, response, window);
    const needed = amount(graph, "Add", extent(graph, image, window.axis), window.before);
    return { ...window, rest: amount(graph, "Sub", needed, covered) };
  });
  const known = margins.flatMap(({ rest, ...window }) =>
    isNumber(window.before) && isNumber(window.after) && isNumber(rest) && rest + window.after < window.stride
      ? [{ window, before: window.before, after: Math.max(window.after, -rest), rest }]
      : [],
  );
  if (known.length === windows.length) {
    return graph.op("ConvTranspose", [response, weight], {
      attributes: {
        ...windowAttributes(windows),
        pads: [...known.map(({ before }) => before), ...known.map(({ after }) => after)],
        output_padding: known.map(({ after, rest }) => after + rest),
        group,
      },
    });
  }
  const full = graph.op("ConvTranspose", [response, weight], { attributes: { ...windowAttributes(windows), group } });
  return padAxes(
    graph,
    full,
    margins.map(({ axis, before, rest }) => ({ axis, before: amount(graph, "Sub", 0, before), after: rest })),
  );
}

/** The convolution of `image` [batch, in, …] with a weight [out, in / group, …kernel]. */
function convolve(graph: GraphBuilder, image: Value, weight: Value, windows: readonly Window[], group: number): Value {
  const before = windows.map((window) => Number(window.before));
  const after = windows.map((window) => Math.max(Number(window.after), 0));
  return graph.op("Conv", [image, weight], {
    attributes: { ...windowAttributes(windows), pads: [...before, ...after], group },
  });
}

/** The windows in the output of a ConvTranspose; `after` is less than 0 where the output reaches beyond the last window. */
function transposedWindows({ graph, inputs, ints, string }: Site, kernel: readonly number[]): Window[] {
  const autoPad = string("auto_pad", "NOTSET");
  const pads = ints("pads") ?? [];
  return kernel.map((size, index): Window => {
    const stride = ints("strides")?.[index] ?? 1;
    const dilation = ints("dilations")?.[index] ?? 1;
    const beyond = ints("output_padding")?.[index] ?? 0;
    const window: Window = { axis: index + 2, kernel: size, stride, dilation, before: 0, after: 0 };
    const isSame = autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER";
    const shape = ints("output_shape");
    if (shape || isSame) {
      const target = shape?.at(index - kernel.length);
      const total = shape
        ? Number(coveredBy(graph, inputs[0]!, window)) + beyond - target!
        : spanOf(window) - stride + beyond;
      const { before, after } = halves(graph, Math.max(total, 0), autoPad === "SAME_UPPER");
      return { ...window, before, after: Number(after) - beyond + Math.min(total, 0) };
    }
    const isPadded = autoPad !== "VALID";
    const before = isPadded ? (pads[index] ?? 0) : 0;
    return { ...window, before, after: (isPadded ? (pads[index + kernel.length] ?? 0) : 0) - beyond };
  });
}

function windowAttributes(windows: readonly Window[]): Record<string, readonly number[]> {
  return {
    kernel_shape: windows.map(({ kernel }) => kernel),
    strides: windows.map(({ stride }) => stride),
    dilations: windows.map(({ dilation }) => dilation),
  };
}

/** [out, in / group, …kernel] to [in, out / group, …kernel] with each kernel turned round. */
function flipped(graph: GraphBuilder, weight: Value, windows: readonly Window[], group: number): Value {
  const [out, inner, ...kernel] = weight.shape as number[];
  const spatial = kernel.map((_, index) => index);
  let swapped = weight;
  if (group === 1) {
    swapped = graph.Transpose(weight, [1, 0, ...spatial.map((axis) => axis + 2)]);
  } else if (inner !== 1 || out !== group) {
    const grouped = graph.Reshape(weight, graph.ints([group, out! / group, inner!, ...kernel]));
    const turned = graph.Transpose(grouped, [0, 2, 1, ...spatial.map((axis) => axis + 3)]);
    swapped = graph.Reshape(turned, graph.ints([inner! * group, out! / group, ...kernel]));
  }
  const axes = windows.flatMap(({ kernel, axis }) => (kernel > 1 ? [axis] : []));
  const each = (number: number) => axes.map(() => number);
  return axes.length === 0 ? swapped : graph.Slice(swapped, each(-1), each(Number.MIN_SAFE_INTEGER), axes, each(-1));
}

// The padding that gives the flipped convolution the size of the image; −1 where it is only known when the graph runs.
const reachBefore = (window: Window): number => (isNumber(window.before) ? spanOf(window) - 1 - window.before : -1);
const reachAfter = (window: Window): number => (isNumber(window.after) ? spanOf(window) - 1 - window.after : -1);

function isNumber(each: Amount): each is number {
  return typeof each === "number";
}
