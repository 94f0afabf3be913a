import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";
import { type Amount, amount, extent } from "./amounts.ts";
import { listOf } from "./axes.ts";
import { describe, type Site } from "./gradient.ts";

/** How windows lie along one spatial axis of an image, as convolutions and pooling take them. */
export interface Window {
  readonly axis: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding at the two ends. */
  readonly before: Amount;
  readonly after: Amount;
}

/** How many places a window covers, holes included. */
export const spanOf = ({ kernel, dilation }: Window): number => (kernel - 1) * dilation + 1;

/** The windows of a node whose input 0 is the image and output 0 has one place per window. */
export function windowsOf(site: Site, kernel: readonly number[]): readonly Window[] {
  const { graph, inputs, outputs, ints, string } = site;
  const [image, response] = [inputs[0]!, outputs[0]!];
  const autoPad = string("auto_pad", "NOTSET");
  const pads = ints("pads") ?? [];
  return kernel.map((size, index): Window => {
    const stride = ints("strides")?.[index] ?? 1;
    const dilation = ints("dilations")?.[index] ?? 1;
    const window = { axis: index + 2, kernel: size, stride, dilation };
    if (autoPad === "NOTSET" || autoPad === "VALID" || autoPad === "") {
      const isPadded = autoPad !== "VALID";
      const before = isPadded ? (pads[index] ?? 0) : 0;
      return { ...window, before, after: isPadded ? (pads[index + kernel.length] ?? 0) : 0 };
    }
    const covered = coveredBy(graph, response, { ...window, before: 0, after: 0 });
    const total = amount(graph, "Max", amount(graph, "Sub", covered, extent(graph, image, window.axis)), 0);
    return { ...window, ...halves(graph, total, autoPad === "SAME_UPPER") };
  });
}

/** How far the windows of `response` reach along their axis, from the first place of the first to the last of the last. */
export function coveredBy(graph: GraphBuilder, response: Value, window: Window): Amount {
  const steps = amount(graph, "Sub", extent(graph, response, window.axis), 1);
  return amount(graph, "Add", amount(graph, "Mul", steps, window.stride), spanOf(window));
}

/** Shares padding between the two ends; the odd one goes behind, or before. */
export function halves(graph: GraphBuilder, total: Amount, oddAfter: boolean): { before: Amount; after: Amount } {
  const less = amount(graph, "Div", total, 2);
  const more = amount(graph, "Sub", total, less);
  return oddAfter ? { before: less, after: more } : { before: more, after: less };
}

/** Pads (or crops, where negative) several axes at once. */
export function padAxes(
  graph: GraphBuilder,
  value: Value,
  margins: readonly { axis: number; before: Amount; after: Amount }[],
): Value {
  const real = margins.filter(({ before, after }) => before !== 0 || after !== 0);
  if (real.length === 0) {
    return value;
  }
  const pads = [...real.map(({ before }) => before), ...real.map(({ after }) => after)];
  return graph.Pad(
    value,
    listOf(graph, pads),
    real.map(({ axis }) => axis),
  );
}

/** The sizes of the kernel in a weight [out, in, ...kernel]; throws an OnnxError where they are not known. */
export function kernelOf({ node }: Site, weight: Value): readonly number[] {
  const kernel = weight.shape!.slice(2);
  if (!kernel.every((size) => typeof size === "number")) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected a kernel of known size, got one that changes with the model's input`,
    );
  }
  return kernel;
}

export function spatialAxes(value: Value): readonly number[] {
  return Array.from({ length: rankOf(value) - 2 }, (_, index) => index + 2);
}

/** Σ over all axes of [batch, channels, …] but the channels; first along the places, which takes half the time. */
export function sumPerChannel(graph: GraphBuilder, value: Value): Value {
  return graph.ReduceSum(graph.ReduceSum(graph.Reshape(value, graph.ints([0, 0, -1])), [2], 0), [0], 0);
}
