import type { GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";
import { everyAxis, extentLess, fromFront, listOf, padAxis } from "./axes.ts";
import type { Gradient, Site } from "./gradient.ts";

export const Concat: Gradient = ({ graph, dy, inputs, outputs: [y], wants, int }) => {
  const axis = fromFront(int("axis", 0), rankOf(y));
  const extents = inputs.map((x) => extentLess(graph, x, axis, 0));
  const parts = graph.ops("Split", [dy, listOf(graph, extents)], inputs.length, { attributes: { axis } });
  return parts.map((part, index) => (wants(index) ? part : undefined));
};

export const Split: Gradient = ({ graph, outputs, dys, int }) => {
  const axis = fromFront(int("axis", 0), rankOf(outputs[0]!));
  return [
    graph.Concat(
      outputs.map((y, index) => dys[index] ?? graph.filled(y, 0)),
      axis,
    ),
  ];
};

// Puts dy back to its place among zeros.
export const Slice: Gradient = (site) => {
  const { graph, inputs, dy, numbers, has } = site;
  const [x, starts] = inputs;
  const count = starts!.shape![0] as number;
  const named = has(3) ? numbers(3) : Array.from({ length: count }, (_, index) => index);
  const axes = named.map((axis) => fromFront(axis, rankOf(x!)));
  const steps = numbers(
    4,
    axes.map(() => 1),
  );
  const spaced = spread(site, reverse(graph, dy, axes, steps), axes, steps);
  const margins = axes.map((axis, index) => marginsOf(site, axis, index, steps[index]!));
  const padded = margins.flatMap(({ before, after }, index) => (before === 0 && after === 0 ? [] : [index]));
  if (padded.length === 0) {
    return [spaced];
  }
  const pads = [...padded.map((index) => margins[index]!.before), ...padded.map((index) => margins[index]!.after)];
  return [
    graph.Pad(
      spaced,
      listOf(graph, pads),
      padded.map((index) => axes[index]!),
    ),
  ];
};

function reverse(graph: GraphBuilder, value: Value, axes: readonly number[], steps: readonly number[]): Value {
  const backward = axes.filter((_, index) => steps[index]! < 0);
  const each = (number: number) => backward.map(() => number);
  return backward.length === 0
    ? value
    : graph.Slice(value, each(-1), each(Number.MIN_SAFE_INTEGER), backward, each(-1));
}

/** Follows each element along an axis that was taken in wider steps with the zeros between. */
function spread(
  { graph, outputs: [y] }: Site,
  gradient: Value,
  axes: readonly number[],
  steps: readonly number[],
): Value {
  let spaced = gradient;
  const shape = everyAxis(y!).map((axis) => extentLess(graph, y!, axis, 0));
  for (const [index, axis] of axes.entries()) {
    const stride = Math.abs(steps[index]!);
    if (stride > 1) {
      const lone = padAxis(graph, graph.Unsqueeze(spaced, [axis + 1]), axis + 1, 0, stride - 1);
      const extent = shape[axis]!;
      shape[axis] = typeof extent === "number" ? extent * stride : graph.Mul(extent, graph.ints([stride]));
      // axes before this one are copied from the gradient itself, which may have more rows than the value (bounds carry several)
      const before = shape.map((each, place) => (place < axis ? 0 : each));
      spaced = graph.Reshape(lone, listOf(graph, before));
    }
  }
  return spaced;
}

/** How many zeros to put before and behind along an axis; negative where spreading has put too many behind. */
function marginsOf(
  { graph, inputs: [x, starts, ends], outputs: [y], constant }: Site,
  axis: number,
  index: number,
  step: number,
): { before: number | Value; after: number | Value } {
  const [extent, taken] = [x!.shape![axis]!, y!.shape![axis]!];
  const at = (list: Value | undefined): number | undefined => {
    const known = constant(list);
    return known && Number(known.data[index]);
  };
  const [start, end] = [at(starts), at(ends)];
  if (typeof extent === "number" && typeof taken === "number" && start !== undefined) {
    const first = Math.min(Math.max(start < 0 ? start + extent : start, 0), step < 0 ? extent - 1 : extent);
    const before = step < 0 ? first + (taken - 1) * step : first;
    return { before, after: extent - before - taken * Math.abs(step) };
  }
  if (step === 1 && start !== undefined && start >= 0 && end !== undefined && (end < 0 || end >= NO_END)) {
    return { before: start, after: end < 0 ? -end : 0 };
  }
  const before = firstPlace(graph, x!, axis, starts!, ends!, index, step);
  const covered = graph.Mul(graph.extentOf(y!, axis), graph.ints([Math.abs(step)]));
  return { before, after: graph.Sub(graph.Sub(graph.extentOf(x!, axis), covered), before) };
}

/** The lowest index that a slice takes, int64 [1], found by slicing the indices themselves; the extent if it takes none. */
function firstPlace(
  graph: GraphBuilder,
  x: Value,
  axis: number,
  starts: Value,
  ends: Value,
  index: number,
  step: number,
): Value {
  const extent = graph.extentOf(x, axis);
  const places = graph.Range(graph.Squeeze(extent, [0]));
  const bound = (list: Value) => graph.Cast(graph.Slice(list, [index], [index + 1], [0]), "int64");
  const taken = graph.op("Slice", [places, bound(starts), bound(ends), graph.ints([0]), graph.ints([step])]);
  return graph.op("ReduceMin", [graph.Concat([taken, extent], 0), graph.ints([0])], { attributes: { keepdims: 1 } });
}

const NO_END = 2 ** 31 - 1; // what exporters write for "to the end", or more
