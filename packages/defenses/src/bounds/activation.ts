import type { GraphBuilder, Site, Value } from "@casemate/onnx";
import { type Interval, magnitudeOf } from "./interval.ts";
import { ACTIVATION_ROUNDING, type Rounding } from "./rounding.ts";

/** What bounds need to know of an operator that is not linear and acts on each number on its own. */
export interface Activation {
  readonly type: "activation";
  /** Whether the operator is linear on intervals that do not contain 0, so that only the others need tight bounds. */
  readonly bendsOnlyAtZero?: boolean;
  /** Between what numbers the result lies. */
  interval(site: Site, xs: readonly Interval[], rounding: Rounding): Interval;
  /** Two lines (planes, for several inputs) that the result lies between. */
  relax(site: Site, xs: readonly Interval[], options: RelaxOptions): Relaxation;
  /** Two lines of the same slope, where `relax` gives others: what a zonotope needs. */
  parallel?(site: Site, xs: readonly Interval[], options: RelaxOptions): Relaxation;
}

export interface RelaxOptions {
  readonly rounding: Rounding;
  /** Slopes from 0 to 1 to choose the lower line of a bend by, [batch, specifications, …]; the paper's choice if absent. */
  readonly alpha?: Value;
}

/** Σ lower slope · x + lower <= y <= Σ upper slope · x + upper. */
export interface Relaxation {
  /** By input. [batch, 1 or specifications, …]. */
  readonly slopes: readonly { readonly lower: Value; readonly upper: Value }[];
  /** [batch, …]; 0 if absent. */
  readonly lower?: Value;
  readonly upper?: Value;
}

/** Makes room for the axis of specifications behind the batch. */
export const perRow = (graph: GraphBuilder, slope: Value): Value => graph.Unsqueeze(slope, [1]);

/** The interval as wide as rounding asks for. */
export function widen(graph: GraphBuilder, { lower, upper }: Interval, rounding: Rounding): Interval {
  if (rounding === "nearest") return { lower, upper };
  const largest = graph.Max(graph.Abs(lower), graph.Abs(upper), graph.scalar(1, lower));
  const margin = graph.Mul(largest, graph.scalar(ACTIVATION_ROUNDING, lower));
  return {
    lower: { ...graph.Sub(lower, margin), shape: lower.shape },
    upper: { ...graph.Add(upper, margin), shape: upper.shape },
  };
}

/** The constants of two lines, apart by what rounding can have done at inputs of this size. */
export function constants(
  graph: GraphBuilder,
  x: Interval,
  { lower, upper }: { readonly lower?: Value; readonly upper?: Value },
  rounding: Rounding,
): Pick<Relaxation, "lower" | "upper"> {
  if (rounding === "nearest") return { ...(lower && { lower }), ...(upper && { upper }) };
  const margin = graph.Mul(magnitudeOf(graph, x), graph.scalar(ACTIVATION_ROUNDING, x.lower));
  return {
    lower: lower ? graph.Sub(lower, margin) : graph.Neg(margin),
    upper: upper ? graph.Add(upper, margin) : margin,
  };
}
