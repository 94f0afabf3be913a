import type { GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";

/** An axis that may count from the back, counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The axes of a value in order. */
export function everyAxis(value: Value): number[] {
  return Array.from({ length: rankOf(value) }, (_, axis) => axis);
}

/** A list of int64 of which some are only known when the graph runs; those are values of shape [1]. */
export function listOf(graph: GraphBuilder, parts: readonly (number | Value)[]): Value {
  const values = parts.map((part) => (typeof part === "number" ? graph.ints([part]) : part));
  return parts.every((part) => typeof part === "number") ? graph.ints(parts) : graph.Concat(values, 0);
}

/** Adds zeros before and behind along one axis, or takes away where the number is negative. */
export function padAxis(
  graph: GraphBuilder,
  value: Value,
  axis: number,
  before: number | Value,
  after: number | Value,
): Value {
  return before === 0 && after === 0 ? value : graph.Pad(value, listOf(graph, [before, after]), [axis]);
}

/** The size of an axis less a number: a number where it is known, else a value of shape [1]. */
export function extentLess(graph: GraphBuilder, value: Value, axis: number, less: number): number | Value {
  const extent = value.shape?.[axis];
  if (typeof extent === "number") {
    return extent - less;
  }
  const size = graph.extentOf(value, axis);
  return less === 0 ? size : graph.Sub(size, graph.ints([less]));
}
