import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";

/** A whole number that is known now, or an int64 [1] that is read when the graph runs. */
export type Amount = number | Value;

const known = {
  Add: (a: number, b: number) => a + b,
  Sub: (a: number, b: number) => a - b,
  Mul: (a: number, b: number) => a * b,
  Div: (a: number, b: number) => Math.trunc(a / b),
  Max: (a: number, b: number) => Math.max(a, b),
};

/** Combines two amounts: now if both are known, else by a node. */
export function amount(graph: GraphBuilder, op: keyof typeof known, a: Amount, b: Amount): Amount {
  return typeof a === "number" && typeof b === "number"
    ? known[op](a, b)
    : graph.op(op, [asValue(graph, a), asValue(graph, b)], { shape: [1] });
}

/** The size of one axis, as a number where it is known. */
export function extent(graph: GraphBuilder, value: Value, axis: number): Amount {
  const size = value.shape?.[axis];
  return typeof size === "number" ? size : graph.extentOf(value, axis);
}

function asValue(graph: GraphBuilder, each: Amount): Value {
  return typeof each === "number" ? graph.ints([each]) : each;
}
