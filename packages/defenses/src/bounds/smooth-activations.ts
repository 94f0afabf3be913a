import type { GraphBuilder, Site, Value } from "@casemate/onnx";
import { type Activation, perRow, widen } from "./activation.ts";
import { type Interval, magnitudeOf } from "./interval.ts";
import { ACTIVATION_ROUNDING, type Rounding } from "./rounding.ts";

/** A function with a second derivative of at most `curvature` in size. */
interface Curve {
  readonly curvature: number;
  /** Where the function is least, and what it is there; absent for one that only rises. */
  readonly valley?: (site: Site) => { readonly at: number; readonly least: number };
  /** The slope, for functions whose slope is least at an end of any interval. */
  readonly slope?: (graph: GraphBuilder, y: Value) => Value;
}

/**
 * Lines along the chord, as high as the function needs: its largest distance from the chord's direction is looked for at 33
 * points, and between two of them, h apart, it cannot be more than h² / 8 times the largest second derivative higher. (Zhang et
 * al., 2018, take tangents, found by search; this serves any smooth function, and is as tight to within that remainder.)
 */
function smoothly({ curvature, valley, slope }: Curve): Activation {
  const interval: Activation["interval"] = (site, [x], rounding) => {
    const { graph, node, outputs } = site;
    const [y] = outputs;
    const apply = (value: Value): Value => ({
      ...graph.op(node.op, [value], { attributes: node.attributes }),
      shape: y!.shape,
    });
    const [first, last] = [apply(x!.lower), apply(x!.upper)];
    if (!valley) return widen(graph, { lower: first, upper: last }, rounding);
    const { at: bottom, least: depth } = valley(site);
    const at = graph.scalar(bottom, x!.lower);
    const spansValley = graph.And(graph.LessOrEqual(x!.lower, at), graph.GreaterOrEqual(x!.upper, at));
    const least = graph.Where(spansValley, graph.scalar(depth, first), graph.Min(first, last));
    const ends: Interval = {
      lower: { ...least, shape: y!.shape },
      upper: { ...graph.Max(first, last), shape: y!.shape },
    };
    return widen(graph, ends, rounding);
  };
  const relax: Activation["relax"] = (site, [x], { rounding }) => {
    const { graph } = site;
    const chord = chordOf(site, x!);
    return between(graph, x!, chord, gapsAlong(site, x!, chord, curvature), rounding);
  };
  if (!slope) return { type: "activation", interval, relax };
  // Singh et al., 2018, theorem 3.2: with the least slope, y - slope · x is least at l and largest at u.
  const parallel: Activation["parallel"] = (site, [x], { rounding }) => {
    const { graph, node } = site;
    const ends = [x!.lower, x!.upper].map((end) => graph.op(node.op, [end], { attributes: node.attributes }));
    const least = graph.Min(...ends.map((end) => slope(graph, end)));
    const gap = (index: 0 | 1, end: Value) => graph.Sub(ends[index]!, graph.Mul(least, end));
    return between(graph, x!, least, { lower: gap(0, x!.lower), upper: gap(1, x!.upper) }, rounding);
  };
  return { type: "activation", interval, relax, parallel };
}

/** Two lines of one slope, with room for rounding in the runtime's approximation of the function. */
function between(
  graph: GraphBuilder,
  x: Interval,
  slope: Value,
  gaps: { readonly lower: Value; readonly upper: Value },
  rounding: Rounding,
): ReturnType<Activation["relax"]> {
  const slopes = [{ lower: perRow(graph, slope), upper: perRow(graph, slope) }];
  if (rounding === "nearest") return { slopes, ...gaps };
  const size = graph.Add(magnitudeOf(graph, x), graph.scalar(1, x.lower));
  const margin = graph.Mul(size, graph.scalar(4 * ACTIVATION_ROUNDING, x.lower));
  return { slopes, lower: graph.Sub(gaps.lower, margin), upper: graph.Add(gaps.upper, margin) };
}

const PIECES = 32;

function chordOf({ graph, node }: Site, { lower, upper }: Interval): Value {
  const apply = (value: Value) => graph.op(node.op, [value], { attributes: node.attributes });
  const run = graph.Max(graph.Sub(upper, lower), graph.scalar(1e-6, lower)); // any slope will do for a point
  return graph.Div(graph.Sub(apply(upper), apply(lower)), run);
}

/** How far the function is from a line of this slope through 0, at least and at most, on the interval. */
function gapsAlong(
  { graph, node }: Site,
  { lower, upper }: Interval,
  slope: Value,
  curvature: number,
): { readonly lower: Value; readonly upper: Value } {
  const width = graph.Sub(upper, lower);
  const shares = graph.constant({
    dtype: "float32",
    shape: [PIECES + 1],
    data: Float32Array.from({ length: PIECES + 1 }, (_, index) => index / PIECES),
  });
  const behind = (value: Value) => graph.Unsqueeze(value, [-1]);
  const points = graph.Add(behind(lower), graph.Mul(behind(width), graph.Cast(shares, lower.dtype)));
  const values = graph.op(node.op, [points], { attributes: node.attributes });
  const gaps = graph.Sub(values, graph.Mul(points, behind(slope)));
  const factor = curvature / (8 * PIECES * PIECES);
  const remainder = graph.Mul(graph.Mul(width, width), graph.scalar(factor, lower));
  return {
    lower: graph.Sub(graph.Neg(graph.ReduceMax(graph.Neg(gaps), [-1], 0)), remainder),
    upper: graph.Add(graph.ReduceMax(gaps, [-1], 0), remainder),
  };
}

/** Activations with two derivatives, by name. The curvatures are the largest |f''|, found where f''' = 0. */
export const smooth: Readonly<Record<string, Activation>> = {
  Erf: smoothly({ curvature: 0.9679 }), // at x = 1/√2: 2√2 / √(πe)
  Gelu: smoothly({
    curvature: 0.79789, // √(2/π), at 0; that of the tanh form is a little less
    valley: ({ string }) =>
      string("approximate", "none") === "tanh"
        ? { at: -0.75246, least: -0.1700408 }
        : { at: -0.75179, least: -0.1699713 },
  }),
  Sigmoid: smoothly({
    curvature: 0.09623, // 1 / (6√3)
    slope: (graph, y) => graph.Mul(y, graph.Sub(graph.scalar(1, y), y)),
  }),
  Softplus: smoothly({ curvature: 0.25 }),
  Tanh: smoothly({
    curvature: 0.7699, // 4 / (3√3)
    slope: (graph, y) => graph.Sub(graph.scalar(1, y), graph.Mul(y, y)),
  }),
};
