import type { GraphBuilder, Site, Value } from "@casemate/onnx";
import { type Activation, constants, perRow } from "./activation.ts";
import type { Interval } from "./interval.ts";

/**
 * Lines above and below a function that bends once, at 0, from slope `left` to the steeper slope 1. The upper line is the chord;
 * the lower one has slope 1 where u >= -l, else that of the left side (Zhang et al., 2018, §3.3), or lies between by alpha.
 */
function bent(left: number): Pick<Activation, "relax" | "parallel"> {
  const chord = (graph: GraphBuilder, { lower, upper }: Interval) => {
    const above = graph.op("Relu", [upper]);
    const below = graph.op("Relu", [graph.Neg(lower)]);
    const share = graph.Div(above, graph.Add(graph.Add(above, below), graph.scalar(TINY, lower)));
    // Relu's line from (l, 0) to (u, u) is share · (x + below); it serves the steeper part, 1 - left, of the function.
    return { share, height: graph.Mul(share, below) };
  };
  const slopeOf = (graph: GraphBuilder, share: Value) =>
    left === 0 ? share : graph.Add(graph.Mul(share, graph.scalar(1 - left, share)), graph.scalar(left, share));
  const scaled = (graph: GraphBuilder, height: Value) =>
    left === 0 ? height : graph.Mul(height, graph.scalar(1 - left, height));
  return {
    relax({ graph }, [x], { rounding, alpha }) {
      const { lower, upper } = x!;
      const { share, height } = chord(graph, x!);
      const zero = graph.scalar(0, lower);
      const isOn = graph.Cast(graph.GreaterOrEqual(lower, zero), lower.dtype);
      const isBent = graph.Cast(graph.And(graph.Less(lower, zero), graph.Greater(upper, zero)), lower.dtype);
      const choice = alpha
        ? graph.Add(perRow(graph, isOn), graph.Mul(perRow(graph, isBent), alpha))
        : perRow(graph, graph.Cast(graph.GreaterOrEqual(upper, graph.Neg(lower)), lower.dtype));
      return {
        slopes: [{ lower: slopeOf(graph, choice), upper: perRow(graph, slopeOf(graph, share)) }],
        ...constants(graph, x!, { upper: scaled(graph, height) }, rounding),
      };
    },
    parallel({ graph }, [x], { rounding }) {
      const { share, height } = chord(graph, x!);
      const slope = perRow(graph, slopeOf(graph, share));
      return {
        slopes: [{ lower: slope, upper: slope }],
        ...constants(graph, x!, { upper: scaled(graph, height) }, rounding),
      };
    },
  };
}

const TINY = 1e-30; // keeps 0/0 out of the chord of an interval at 0

const each = ({ graph, outputs: [y] }: Site, x: Interval, apply: (value: Value) => Value): Interval => {
  const shaped = (value: Value): Value => ({ ...apply(value), shape: y!.shape });
  return graph && { lower: shaped(x.lower), upper: shaped(x.upper) };
};

const Relu: Activation = {
  type: "activation",
  bendsOnlyAtZero: true,
  interval: (site, [x]) => each(site, x!, (value) => site.graph.op("Relu", [value])),
  ...bent(0),
};

const LeakyRelu: Activation = {
  type: "activation",
  bendsOnlyAtZero: true,
  interval: (site, [x]) =>
    each(site, x!, (value) => site.graph.op("LeakyRelu", [value], { attributes: site.node.attributes })),
  relax: (site, xs, options) => bent(site.float("alpha", 0.01)).relax(site, xs, options),
  parallel: (site, xs, options) => bent(site.float("alpha", 0.01)).parallel!(site, xs, options),
};

/** y = min(max(x, low), high): a bend up at low and one down at high. */
const Clip: Activation = {
  type: "activation",
  interval: (site, [x]) => each(site, x!, (value) => clipped(site, value)),
  relax(site, [x], { rounding }) {
    const { graph, inputs, has } = site;
    const { lower, upper } = x!;
    const low = has(1) ? inputs[1]! : graph.scalar(-LARGE, lower);
    const high = has(2) ? inputs[2]! : graph.scalar(LARGE, lower);
    const [first, last] = [clipped(site, lower), clipped(site, upper)];
    const one = graph.scalar(1, lower);
    const zero = graph.scalar(0, lower);
    const ratio = (rise: Value, run: Value) => graph.Div(rise, graph.Max(run, graph.scalar(TINY, lower)));
    const startsBelow = graph.Less(lower, low);
    const endsAbove = graph.Greater(upper, high);
    // From (l, low) to where the function stops rising within the interval; where it starts inside, along it or flat above.
    const rising = ratio(graph.Sub(last, first), graph.Sub(graph.Min(upper, high), lower));
    const staysAbove = graph.Greater(graph.Sub(upper, high), graph.Sub(high, lower));
    const alongTop = graph.Where(endsAbove, graph.Where(staysAbove, zero, one), one);
    const upperSlope = graph.Max(graph.Min(graph.Where(startsBelow, rising, alongTop), one), zero);
    const reaching = ratio(graph.Sub(last, first), graph.Sub(upper, graph.Max(lower, low)));
    const staysBelow = graph.Greater(graph.Sub(low, lower), graph.Sub(upper, low));
    const alongBottom = graph.Where(startsBelow, graph.Where(staysBelow, zero, one), one);
    const lowerSlope = graph.Max(graph.Min(graph.Where(endsAbove, reaching, alongBottom), one), zero);
    return {
      slopes: [{ lower: perRow(graph, lowerSlope), upper: perRow(graph, upperSlope) }],
      ...constants(graph, x!, touching(graph, x!, { low, high, lowerSlope, upperSlope, site }), rounding),
    };
  },
  parallel(site, [x], { rounding }) {
    const { graph, inputs, has } = site;
    const { lower, upper } = x!;
    const low = has(1) ? inputs[1]! : graph.scalar(-LARGE, lower);
    const high = has(2) ? inputs[2]! : graph.scalar(LARGE, lower);
    const rise = graph.Sub(clipped(site, upper), clipped(site, lower));
    const run = graph.Max(graph.Sub(upper, lower), graph.scalar(TINY, lower));
    const slope = graph.Min(graph.Div(rise, run), graph.scalar(1, lower));
    return {
      slopes: [{ lower: perRow(graph, slope), upper: perRow(graph, slope) }],
      ...constants(graph, x!, touching(graph, x!, { low, high, lowerSlope: slope, upperSlope: slope, site }), rounding),
    };
  },
};

const LARGE = 1e30; // stands for a limit that a Clip does not have

function clipped({ graph, inputs, has, outputs: [y] }: Site, x: Value): Value {
  return {
    ...graph.op("Clip", [x, has(1) ? inputs[1] : undefined, has(2) ? inputs[2] : undefined]),
    shape: y!.shape,
  };
}

/** How high lines of these slopes must be to touch a Clip: y - slope · x is extreme at an end of the interval or at a bend. */
function touching(
  graph: GraphBuilder,
  { lower, upper }: Interval,
  {
    low,
    high,
    lowerSlope,
    upperSlope,
    site,
  }: Readonly<Record<"low" | "high" | "lowerSlope" | "upperSlope", Value>> & { readonly site: Site },
): { readonly lower: Value; readonly upper: Value } {
  const inside = (point: Value) => graph.Min(graph.Max(point, lower), upper);
  const points = [lower, upper, inside(low), inside(high)];
  const gaps = (slope: Value) => points.map((point) => graph.Sub(clipped(site, point), graph.Mul(slope, point)));
  return { lower: graph.Min(...gaps(lowerSlope)), upper: graph.Max(...gaps(upperSlope)) };
}

/**
 * The largest of several: from below the one with the largest lower bound; from above that one too where no other can exceed
 * it, else the largest upper bound.
 */
const Max: Activation = {
  type: "activation",
  interval({ graph, outputs: [y] }, xs) {
    const shape = y!.shape;
    return {
      lower: { ...graph.Max(...xs.map(({ lower }) => lower)), shape },
      upper: { ...graph.Max(...xs.map(({ upper }) => upper)), shape },
    };
  },
  relax({ graph }, xs, { rounding }) {
    const { leads, isSettled, isOpen, whole } = race(graph, xs);
    return {
      slopes: leads.map((lead) => ({
        lower: perRow(graph, lead),
        upper: perRow(graph, graph.Mul(lead, isSettled)),
      })),
      ...constants(graph, whole, { upper: graph.Mul(isOpen, whole.upper) }, rounding),
    };
  },
  parallel({ graph }, xs, { rounding }) {
    const { leads, isSettled, isOpen, whole, best } = race(graph, xs);
    const slopes = leads.map((lead) => perRow(graph, graph.Mul(lead, isSettled)));
    return {
      slopes: slopes.map((slope) => ({ lower: slope, upper: slope })),
      ...constants(graph, whole, { lower: graph.Mul(isOpen, best), upper: graph.Mul(isOpen, whole.upper) }, rounding),
    };
  },
};

/** Which input has the largest lower bound, and whether no other can exceed it. */
function race(graph: GraphBuilder, xs: readonly Interval[]) {
  const leads = leaders(graph, xs);
  const one = graph.scalar(1, xs[0]!.lower);
  const best = graph.Max(...xs.map(({ lower }) => lower));
  const others = xs.map(({ upper }, index) => graph.Sub(upper, graph.Mul(leads[index]!, graph.scalar(LARGE, upper))));
  const isSettled = graph.Cast(graph.GreaterOrEqual(best, graph.Max(...others)), best.dtype);
  const isOpen = graph.Sub(one, isSettled);
  const whole: Interval = {
    lower: graph.Min(...xs.map(({ lower }) => lower)),
    upper: graph.Max(...xs.map(({ upper }) => upper)),
  };
  return { leads, best, isSettled, isOpen, whole };
}

/** For each input 1 where it is the first with the largest lower bound, else 0. */
function leaders(graph: GraphBuilder, xs: readonly Interval[]): Value[] {
  const best = graph.Max(...xs.map(({ lower }) => lower));
  const { dtype } = best;
  let taken: Value | undefined;
  return xs.map(({ lower }) => {
    const wins = graph.Cast(graph.GreaterOrEqual(lower, best), dtype);
    const alone = taken ? graph.op("Relu", [graph.Sub(wins, taken)]) : wins;
    taken = taken ? graph.Max(taken, wins) : wins;
    return alone;
  });
}

/** Activations made of straight pieces, by name. */
export const piecewise: Readonly<Record<string, Activation>> = { Clip, LeakyRelu, Max, Relu };
