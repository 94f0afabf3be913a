import { float } from "../graph-builder.ts";
import { rankOf } from "../value.ts";
import { numberAt } from "./constants.ts";
import type { Gradient } from "./gradient.ts";
import { isPositive, keepWhere, whereBetween, whereWithin } from "./masks.ts";

export const Relu: Gradient = ({ graph, dy, outputs: [y] }) => [graph.Mul(dy, isPositive(graph, y))];

// The slope is 1 where x > 0, else α: the line (1 − α) m + α of the mask m. A hard sigmoid draws it in the blocked layout.
export const LeakyRelu: Gradient = ({ graph, dy, inputs: [x], outputs: [y], float: number }) => {
  const alpha = number("alpha", 0.01);
  const mask = isPositive(graph, alpha > 0 ? y : x);
  const isInside = x.dtype === "float32" && alpha >= 0 && alpha <= 1;
  const slope = isInside
    ? graph.op("HardSigmoid", [mask], { attributes: { alpha: float(1 - alpha), beta: float(alpha) } })
    : graph.Add(graph.Mul(mask, graph.scalar(1 - alpha, x)), graph.scalar(alpha, x));
  return [graph.Mul(dy, slope)];
};

export const PRelu: Gradient = ({ graph, dy, inputs: [x, slope], outputs: [y], wants }) => {
  const zeros = graph.scalar(0, x);
  return [
    wants(0) ? graph.Where(graph.Greater(x, zeros), dy, graph.Mul(dy, slope)) : undefined,
    wants(1) ? graph.sumTo(graph.Mul(dy, graph.Min(x, zeros)), y, slope) : undefined,
  ];
};

export const ThresholdedRelu: Gradient = ({ graph, dy, inputs: [x], float }) => [
  keepWhere(graph, graph.Greater(x, graph.scalar(float("alpha", 1), x)), dy),
];

// Left of 0, y = α(eˣ − 1) has slope y + α.
export const Elu: Gradient = ({ graph, dy, inputs: [x], outputs: [y], float }) => {
  const left = graph.Add(y, graph.scalar(float("alpha", 1), y));
  return [graph.Mul(dy, graph.Where(graph.Greater(x, graph.scalar(0, x)), graph.scalar(1, y), left))];
};

// Left of 0, y = γα(eˣ − 1) has slope y + γα; right of it, γ. The defaults are the constants of Klambauer et al., 2017.
export const Selu: Gradient = ({ graph, dy, inputs: [x], outputs: [y], float }) => {
  const gamma = float("gamma", 1.0507009873554805);
  const left = graph.Add(y, graph.scalar(gamma * float("alpha", 1.6732632423543772), y));
  return [graph.Mul(dy, graph.Where(graph.Greater(x, graph.scalar(0, x)), graph.scalar(gamma, y), left))];
};

// Left of 0, y = α(exp(x/α) − 1) has slope y/α + 1.
export const Celu: Gradient = ({ graph, dy, inputs: [x], outputs: [y], float }) => {
  const left = graph.Add(graph.Mul(y, graph.scalar(1 / float("alpha", 1), y)), graph.scalar(1, y));
  return [graph.Mul(dy, graph.Where(graph.Greater(x, graph.scalar(0, x)), graph.scalar(1, y), left))];
};

export const HardSigmoid: Gradient = ({ graph, dy, outputs: [y], float }) => {
  const zeros = graph.scalar(0, y);
  const inside = graph.And(graph.Greater(y, zeros), graph.Less(y, graph.scalar(1, y)));
  return [graph.Where(inside, graph.Mul(dy, graph.scalar(float("alpha", 0.2), y)), zeros)];
};

// y = x · min(max(x/6 + 1/2, 0), 1) has slope x/3 + 1/2 between −3 and 3
export const HardSwish: Gradient = ({ graph, dy, inputs: [x] }) => {
  const inside = graph.Add(graph.Mul(x, graph.scalar(1 / 3, x)), graph.scalar(0.5, x));
  const upToThree = graph.Where(graph.Less(x, graph.scalar(3, x)), inside, graph.scalar(1, x));
  return [keepWhere(graph, graph.Greater(x, graph.scalar(-3, x)), graph.Mul(dy, upToThree))];
};

// On a bound the gradient passes, as in torch.clamp; but not in ReLU6, as in torch.nn.functional.relu6.
export const Clip: Gradient = (site) => {
  const { graph, dy, inputs, outputs, has, wants, constant } = site;
  const [x, min, max] = inputs;
  const low = has(1) ? constant(min) : undefined;
  const high = has(2) ? constant(max) : undefined;
  if ((has(1) && !low) || (has(2) && !high) || wants(1) || wants(2)) {
    return clipToValues(site);
  }
  const [lowest, highest] = [low ? numberAt(low) : -Infinity, high ? numberAt(high) : Infinity];
  return [
    lowest === 0 && highest === 6
      ? whereBetween(graph, dy, outputs[0]!, lowest, highest)
      : whereWithin(graph, dy, x, lowest, highest),
  ];
};

// y = min(max(x, low), high), so high wins where the bounds cross
const clipToValues: Gradient = ({ graph, dy, inputs: [x, min, max], has, wants }) => {
  const all = Array.from({ length: rankOf(x) }, (_, axis) => axis);
  const sum = (part: typeof dy) => (all.length === 0 ? part : graph.ReduceSum(part, all, 0));
  const belowHigh = has(2) ? keepWhere(graph, graph.LessOrEqual(has(1) ? graph.Max(x, min) : x, max), dy) : dy;
  const aboveLow = has(1) ? keepWhere(graph, graph.GreaterOrEqual(x, min), belowHigh) : belowHigh;
  return [
    wants(0) ? aboveLow : undefined,
    has(1) && wants(1) ? sum(graph.Sub(belowHigh, aboveLow)) : undefined,
    has(2) && wants(2) ? sum(graph.Sub(dy, belowHigh)) : undefined,
  ];
};

export const Shrink: Gradient = ({ graph, dy, inputs: [x], float }) => [
  keepWhere(graph, graph.Greater(graph.Abs(x), graph.scalar(float("lambd", 0.5), x)), dy),
];
