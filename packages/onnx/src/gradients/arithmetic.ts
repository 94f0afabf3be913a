import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";
import { numberAt } from "./constants.ts";
import type { Gradient, Site } from "./gradient.ts";
import { keepWhere } from "./masks.ts";

// d(a + b) = da + db
export const Add: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y], wants }) => [
  wants(0) ? graph.sumTo(dy, y, a) : undefined,
  wants(1) ? graph.sumTo(dy, y, b) : undefined,
];

export const Sub: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y], wants }) => [
  wants(0) ? graph.sumTo(dy, y, a) : undefined,
  wants(1) ? graph.Neg(graph.sumTo(dy, y, b)) : undefined,
];

export const Mul: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y], wants }) => [
  wants(0) ? graph.sumTo(graph.Mul(dy, b), y, a) : undefined,
  wants(1) ? graph.sumTo(graph.Mul(dy, a), y, b) : undefined,
];

// d(a / b) = da / b − (a / b) db / b
export const Div: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y], wants }) => {
  const quotient = graph.Div(dy, b);
  return [
    wants(0) ? graph.sumTo(quotient, y, a) : undefined,
    wants(1) ? graph.Neg(graph.sumTo(graph.Mul(quotient, y), y, b)) : undefined,
  ];
};

// y = a − b trunc(a / b) (or floor), so dy = da − (a − y) / b db
export const Mod: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y], wants }) => [
  wants(0) ? graph.sumTo(dy, y, a) : undefined,
  wants(1) ? graph.sumTo(graph.Mul(dy, graph.Div(graph.Sub(y, a), b)), y, b) : undefined,
];

export const Pow: Gradient = (site) => {
  const { graph, dy, inputs, outputs, wants, constant } = site;
  const [base, exponent] = inputs;
  const [y] = outputs;
  const known = constant(exponent);
  const slope = known?.data.length === 1 ? knownPower(graph, dy, base, numberAt(known)) : generalPower(site);
  return [
    wants(0) ? graph.sumTo(slope, y, base) : undefined,
    wants(1) ? graph.Cast(graph.sumTo(exponentSlope(site), y, exponent), exponent.dtype) : undefined,
  ];
};

function knownPower(graph: GraphBuilder, dy: Value, base: Value, exponent: number): Value {
  switch (exponent) {
    case 0:
      return graph.Mul(dy, graph.scalar(0, dy));
    case 1:
      return dy;
    case 2:
      return graph.Mul(dy, graph.Add(base, base));
    default: {
      const power = graph.Pow(base, graph.scalar(exponent - 1, base));
      return graph.Mul(dy, graph.Mul(power, graph.scalar(exponent, base)));
    }
  }
}

// da = b a^(b−1), and 0 where b = 0 even at a = 0
function generalPower({ graph, dy, inputs: [base, given] }: Site): Value {
  const exponent = graph.Cast(given, base.dtype);
  const power = graph.Mul(exponent, graph.Pow(base, graph.Sub(exponent, graph.scalar(1, base))));
  return graph.Mul(dy, graph.Where(graph.Equal(exponent, graph.scalar(0, base)), graph.scalar(0, base), power));
}

// db = a^b ln a, and 0 at a = 0 where b >= 0
function exponentSlope({ graph, dy, inputs: [base, given], outputs: [y] }: Site): Value {
  const exponent = graph.Cast(given, base.dtype);
  const zeros = graph.scalar(0, base);
  const atZero = graph.And(graph.Equal(base, zeros), graph.GreaterOrEqual(exponent, zeros));
  return graph.Where(atZero, zeros, graph.Mul(dy, graph.Mul(y, graph.Log(base))));
}

export const Sum: Gradient = ({ graph, dy, inputs, outputs: [y], wants }) =>
  inputs.map((x, index) => (wants(index) ? graph.sumTo(dy, y, x) : undefined));

export const Mean: Gradient = ({ graph, dy, inputs, outputs: [y], wants }) => {
  const share = graph.Mul(dy, graph.scalar(1 / inputs.length, dy));
  return inputs.map((x, index) => (wants(index) ? graph.sumTo(share, y, x) : undefined));
};

// The winners, of Max or of Min, share the gradient evenly, as in torch.maximum.
export const Max: Gradient = ({ graph, dy, inputs, outputs: [y], wants }) => {
  if (inputs.length === 1) {
    return [dy];
  }
  const wins = inputs.map((x) => graph.Cast(graph.Equal(x, y), dy.dtype));
  const share = graph.Div(dy, graph.Sum(...wins));
  return inputs.map((x, index) => (wants(index) ? graph.sumTo(graph.Mul(share, wins[index]!), y, x) : undefined));
};

export const Where: Gradient = ({ graph, dy, inputs: [condition, a, b], outputs: [y], wants }) => [
  undefined,
  wants(1) ? graph.sumTo(keepWhere(graph, condition, dy), y, a) : undefined,
  wants(2) ? graph.sumTo(graph.Where(condition, graph.scalar(0, dy), dy), y, b) : undefined,
];
