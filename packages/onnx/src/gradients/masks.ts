import { float, type GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";

// A hard sigmoid so steep that it is a step. In the runtime it stays in the blocked layout of a convolution before it and
// takes half the time of Where(Greater). A power of two, so that the product with x is exact; float16 would overflow.
const STEEP = 2 ** 100;
const LARGEST_BOUND = 2 ** 20; // STEEP times a bound must stay far below the largest float32

/** 1 where x > 0, else 0, in the element type of x. */
export function isPositive(graph: GraphBuilder, x: Value): Value {
  return x.dtype === "float32" ? step(graph, x, STEEP, 0) : graph.Cast(graph.Greater(x, graph.scalar(0, x)), x.dtype);
}

/** `gradient` where low <= x <= high, else 0. Infinite bounds cost nothing. */
export function whereWithin(graph: GraphBuilder, gradient: Value, x: Value, low: number, high: number): Value {
  const bounds = [low, high].filter(Number.isFinite);
  if (x.dtype === "float32" && bounds.every((bound) => Math.abs(bound) <= LARGEST_BOUND)) {
    const below = Number.isFinite(low) ? [step(graph, x, STEEP, -nextBeyond(low, -1) * STEEP)] : [];
    const above = Number.isFinite(high) ? [step(graph, x, -STEEP, nextBeyond(high, 1) * STEEP)] : [];
    return [...below, ...above].reduce((product, mask) => graph.Mul(product, mask), gradient);
  }
  const conditions = [
    ...(Number.isFinite(low) ? [graph.GreaterOrEqual(x, graph.scalar(low, x))] : []),
    ...(Number.isFinite(high) ? [graph.LessOrEqual(x, graph.scalar(high, x))] : []),
  ];
  return conditions.reduce((kept, condition) => keepWhere(graph, condition, kept), gradient);
}

/** `gradient` where low < x < high, else 0. */
export function whereBetween(graph: GraphBuilder, gradient: Value, x: Value, low: number, high: number): Value {
  if (x.dtype === "float32" && Math.max(Math.abs(low), Math.abs(high)) <= LARGEST_BOUND) {
    const above = step(graph, x, STEEP, -Math.fround(low) * STEEP);
    return graph.Mul(graph.Mul(gradient, above), step(graph, x, -STEEP, Math.fround(high) * STEEP));
  }
  const inside = graph.And(graph.Greater(x, graph.scalar(low, x)), graph.Less(x, graph.scalar(high, x)));
  return keepWhere(graph, inside, gradient);
}

/** `gradient` where `condition` holds, else 0. */
export function keepWhere(graph: GraphBuilder, condition: Value, gradient: Value): Value {
  return graph.Where(condition, gradient, graph.scalar(0, gradient));
}

/** 0 up to where slope · x + offset is 0, 1 from the next float32 on. */
function step(graph: GraphBuilder, x: Value, slope: number, offset: number): Value {
  return graph.op("HardSigmoid", [x], { attributes: { alpha: float(slope), beta: float(offset) } });
}

/** The float32 after `bound` towards the sign of `direction`, at least 1 / STEEP away. */
function nextBeyond(bound: number, direction: 1 | -1): number {
  const rounded = Math.fround(bound);
  const away = direction * Math.max(Math.abs(rounded) * 2 ** -23, 1 / STEEP);
  return Math.fround(rounded + away);
}
