import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";
import type { Gradient } from "./gradient.ts";

// At 0 the gradient is 0, as in PyTorch.
export const Abs: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Mul(dy, graph.Sign(x))];

export const Neg: Gradient = ({ graph, dy }) => [graph.Neg(dy)];

export const Exp: Gradient = ({ graph, dy, outputs: [y] }) => [graph.Mul(dy, y)];

export const Log: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Div(dy, x)];

export const Sqrt: Gradient = ({ graph, dy, outputs: [y] }) => [graph.Div(dy, graph.Add(y, y))];

export const Reciprocal: Gradient = ({ graph, dy, outputs: [y] }) => [graph.Neg(graph.Mul(dy, graph.Mul(y, y)))];

// d erf(x) = 2/√π exp(−x²)
export const Erf: Gradient = ({ graph, dy, inputs: [x] }) => [
  graph.Mul(dy, graph.Mul(graph.Exp(graph.Neg(graph.Mul(x, x))), graph.scalar(2 / Math.sqrt(Math.PI), x))),
];

export const Sin: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Mul(dy, graph.Cos(x))];

export const Cos: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Neg(graph.Mul(dy, graph.Sin(x)))];

// d tan(x) = 1 + tan²(x)
export const Tan: Gradient = ({ graph, dy, outputs: [y] }) => [graph.Mul(dy, onePlusSquare(graph, y))];

export const Sinh: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Mul(dy, graph.op("Cosh", [x]))];

export const Cosh: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Mul(dy, graph.op("Sinh", [x]))];

export const Asin: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Div(dy, graph.Sqrt(oneMinusSquare(graph, x)))];

export const Acos: Gradient = ({ graph, dy, inputs: [x] }) => [
  graph.Neg(graph.Div(dy, graph.Sqrt(oneMinusSquare(graph, x)))),
];

export const Atan: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Div(dy, onePlusSquare(graph, x))];

export const Asinh: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Div(dy, graph.Sqrt(onePlusSquare(graph, x)))];

export const Acosh: Gradient = ({ graph, dy, inputs: [x] }) => [
  graph.Div(dy, graph.Sqrt(graph.Sub(graph.Mul(x, x), graph.scalar(1, x)))),
];

export const Atanh: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Div(dy, oneMinusSquare(graph, x))];

function onePlusSquare(graph: GraphBuilder, x: Value): Value {
  return graph.Add(graph.Mul(x, x), graph.scalar(1, x));
}

function oneMinusSquare(graph: GraphBuilder, x: Value): Value {
  return graph.Sub(graph.scalar(1, x), graph.Mul(x, x));
}
