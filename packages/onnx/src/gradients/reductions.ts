import type { GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";
import { everyAxis, fromFront } from "./axes.ts";
import type { Gradient, Site } from "./gradient.ts";
import { keepWhere } from "./masks.ts";

export const ReduceSum: Gradient = (site) => [spread(site, kept(site, site.dy))];

export const ReduceMean: Gradient = (site) => {
  const { graph, dy, inputs } = site;
  const [x] = inputs;
  const extents = axesOf(site).map((axis) => x.shape![axis]!);
  const count = extents.every((extent) => typeof extent === "number")
    ? graph.scalar(
        extents.reduce((product, extent) => product * extent, 1),
        dy,
      )
    : graph.Cast(graph.Div(sizeOf(graph, x), sizeOf(graph, site.outputs[0]!)), dy.dtype);
  return [spread(site, kept(site, graph.Div(dy, count)))];
};

export const ReduceL1: Gradient = (site) => [site.graph.Mul(kept(site, site.dy), site.graph.Sign(site.inputs[0]!))];

// dx = x / |x|, and 0 at x = 0, as PyTorch has it
export const ReduceL2: Gradient = (site) => {
  const { graph, dy, inputs, outputs } = site;
  const [x] = inputs;
  const [y] = outputs;
  const ratio = graph.Where(graph.Equal(y, graph.scalar(0, y)), graph.scalar(0, y), graph.Div(dy, y));
  return [graph.Mul(x, kept(site, ratio))];
};

export const ReduceSumSquare: Gradient = (site) => {
  const { graph, dy, inputs } = site;
  return [graph.Mul(inputs[0]!, kept(site, graph.Add(dy, dy)))];
};

export const ReduceLogSum: Gradient = (site) => {
  const { graph, dy, outputs } = site;
  return [spread(site, kept(site, graph.Div(dy, graph.Exp(outputs[0]!))))];
};

export const ReduceLogSumExp: Gradient = (site) => {
  const { graph, dy, inputs, outputs } = site;
  const share = graph.Exp(graph.Sub(inputs[0]!, kept(site, outputs[0]!)));
  return [graph.Mul(kept(site, dy), share)];
};

// Equal winners, of ReduceMax or of ReduceMin, share the gradient evenly, as in torch.amax.
export const ReduceMax: Gradient = (site) => {
  const { graph, dy, inputs, outputs } = site;
  const wins = graph.Cast(graph.Equal(inputs[0]!, kept(site, outputs[0]!)), dy.dtype);
  return [graph.Mul(wins, graph.Div(kept(site, dy), sumOver(graph, wins, axesOf(site))))];
};

// dxᵢ = the product of the others: that of the non-zero ones over xᵢ, if no other one is 0
export const ReduceProd: Gradient = (site) => {
  const { graph, dy, inputs } = site;
  const [x] = inputs;
  const axes = axesOf(site);
  if (axes.length === 0) {
    return [dy];
  }
  const isZero = graph.Equal(x, graph.scalar(0, x));
  const zeros = graph.Cast(isZero, x.dtype);
  const nonZero = graph.Where(isZero, graph.scalar(1, x), x);
  const product = graph.op("ReduceProd", [nonZero, graph.ints(axes)], { attributes: { keepdims: 1 } });
  const others = graph.Div(graph.Mul(kept(site, dy), product), nonZero);
  return [keepWhere(graph, graph.Equal(graph.ReduceSum(zeros, axes), zeros), others)];
};

/** The axes that a node reduces, counted from the front: all of them if it names none, unless that means none at all. */
function axesOf({ inputs: [x], numbers, int }: Site): readonly number[] {
  const named = numbers(1, []).map((axis) => fromFront(axis, rankOf(x!)));
  return named.length === 0 && int("noop_with_empty_axes", 0) === 0 ? everyAxis(x!) : named;
}

/** A value of the output's shape with the reduced axes put back, one long each. */
function kept(site: Site, value: Value): Value {
  const axes = axesOf(site);
  return site.int("keepdims", 1) === 1 || axes.length === 0 ? value : site.graph.Unsqueeze(value, axes);
}

/** Repeats a gradient along the reduced axes. The others are 1 in the target, so that free ones need not be known. */
function spread(site: Site, gradient: Value): Value {
  const { graph, inputs } = site;
  const [x] = inputs;
  const axes = axesOf(site);
  if (axes.length === 0) {
    return gradient;
  }
  const target = x!.shape!.map((extent, axis) => (axes.includes(axis) ? extent : 1));
  const isKnown = target.every((extent) => typeof extent === "number");
  return graph.Expand(gradient, isKnown ? graph.ints(target) : graph.shapeOf(x!), x!.shape);
}

function sumOver(graph: GraphBuilder, value: Value, axes: readonly number[]): Value {
  return axes.length === 0 ? value : graph.ReduceSum(value, axes);
}

function sizeOf(graph: GraphBuilder, value: Value): Value {
  return graph.op("Size", [value], { dtype: "int64", shape: [] });
}
