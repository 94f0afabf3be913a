import type { Gradient } from "./gradient.ts";

// dσ(x) = σ(1 − σ)
export const Sigmoid: Gradient = ({ graph, dy, outputs: [y] }) => [graph.Mul(dy, graph.Sub(y, graph.Mul(y, y)))];

// d tanh(x) = 1 − tanh²(x)
export const Tanh: Gradient = ({ graph, dy, outputs: [y] }) => [
  graph.Mul(dy, graph.Sub(graph.scalar(1, y), graph.Mul(y, y))),
];

export const Softplus: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Mul(dy, graph.Sigmoid(x))];

// y = x / (1 + |x|) has slope (1 − |y|)²
export const Softsign: Gradient = ({ graph, dy, outputs: [y] }) => {
  const rest = graph.Sub(graph.scalar(1, y), graph.Abs(y));
  return [graph.Mul(dy, graph.Mul(rest, rest))];
};

// y = x Φ(x) has slope Φ(x) + x φ(x), with Φ and φ of the standard normal distribution
export const Gelu: Gradient = (site) => {
  const { graph, dy, inputs, string } = site;
  if (string("approximate", "none") === "tanh") {
    return tanhGelu(site);
  }
  const [x] = inputs;
  const scaled = graph.Mul(x, graph.scalar(Math.SQRT1_2, x));
  const half = graph.scalar(0.5, x);
  const cumulative = graph.Add(graph.Mul(graph.Erf(scaled), half), half);
  const bell = graph.Exp(graph.Neg(graph.Mul(scaled, scaled)));
  const weighted = graph.Mul(graph.Mul(x, bell), graph.scalar(1 / Math.sqrt(2 * Math.PI), x));
  return [graph.Mul(dy, graph.Add(cumulative, weighted))];
};

// y = x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³)
const tanhGelu: Gradient = ({ graph, dy, inputs: [x] }) => {
  const scale = Math.sqrt(2 / Math.PI);
  const squared = graph.Mul(x, x);
  const polynomial = (factor: number) =>
    graph.Add(graph.Mul(squared, graph.scalar(scale * factor, x)), graph.scalar(scale, x));
  const bent = graph.Tanh(graph.Mul(x, polynomial(0.044715)));
  const slope = graph.Mul(graph.Mul(x, polynomial(3 * 0.044715)), graph.Sub(graph.scalar(1, x), graph.Mul(bent, bent)));
  const one = graph.Add(graph.scalar(1, x), bent);
  return [graph.Mul(dy, graph.Mul(graph.Add(one, slope), graph.scalar(0.5, x)))];
};

// y = x t with t = tanh(softplus(x)) has slope t + x (1 − t²) σ(x)
export const Mish: Gradient = ({ graph, dy, inputs: [x] }) => {
  const bent = graph.Tanh(graph.op("Softplus", [x]));
  const slope = graph.Mul(graph.Sub(graph.scalar(1, x), graph.Mul(bent, bent)), graph.Sigmoid(x));
  return [graph.Mul(dy, graph.Add(bent, graph.Mul(x, slope)))];
};

// y = x s with s = σ(αx) has slope s + α y (1 − s)
export const Swish: Gradient = ({ graph, dy, inputs: [x], outputs: [y], float }) => {
  const alpha = float("alpha", 1);
  const scaled = (value: typeof x) => (alpha === 1 ? value : graph.Mul(value, graph.scalar(alpha, x)));
  const gate = graph.Sigmoid(scaled(x));
  const rest = graph.Mul(scaled(y), graph.Sub(graph.scalar(1, x), gate));
  return [graph.Mul(dy, graph.Add(gate, rest))];
};
