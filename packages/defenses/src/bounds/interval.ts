import type { GraphBuilder, Value } from "@casemate/onnx";

/** Between what two numbers each entry of a value lies: [batch, …] both. */
export interface Interval {
  readonly lower: Value;
  readonly upper: Value;
}

/** The middle of an interval, in the shape of its value. */
export function centerOf(graph: GraphBuilder, { lower, upper }: Interval): Value {
  return { ...graph.Mul(graph.Add(lower, upper), graph.scalar(0.5, lower)), shape: lower.shape };
}

/** Half the width of an interval. */
export function radiusOf(graph: GraphBuilder, { lower, upper }: Interval): Value {
  return { ...graph.Mul(graph.Sub(upper, lower), graph.scalar(0.5, lower)), shape: lower.shape };
}

/** The largest absolute value within an interval. */
export function magnitudeOf(graph: GraphBuilder, { lower, upper }: Interval): Value {
  return { ...graph.Max(graph.Abs(lower), graph.Abs(upper)), shape: lower.shape };
}
