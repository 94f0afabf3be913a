import type { Gradient } from "./gradient.ts";

// d(a + b) = da + db
export const Add: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y] }) => [
  graph.sumTo(dy, y, a),
  graph.sumTo(dy, y, b),
];

export const Sub: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y] }) => [
  graph.sumTo(dy, y, a),
  graph.sumTo(graph.Neg(dy), y, b),
];

export const Mul: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y], wants }) => [
  wants(0) ? graph.sumTo(graph.Mul(dy, b), y, a) : undefined,
  wants(1) ? graph.sumTo(graph.Mul(dy, a), y, b) : undefined,
];

export const Neg: Gradient = ({ graph, dy }) => [graph.Neg(dy)];
