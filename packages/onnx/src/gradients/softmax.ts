import { rankOf } from "../value.ts";
import { fromFront } from "./axes.ts";
import type { Gradient } from "./gradient.ts";

// dx = y (dy − Σ y dy)
export const Softmax: Gradient = ({ graph, dy, outputs: [y], int }) => {
  const weighted = graph.Mul(dy, y);
  return [graph.Sub(weighted, graph.Mul(y, graph.ReduceSum(weighted, [fromFront(int("axis", -1), rankOf(y))])))];
};

// dx = dy − softmax(x) Σ dy
export const LogSoftmax: Gradient = ({ graph, dy, outputs: [y], int }) => [
  graph.Sub(dy, graph.Mul(graph.Exp(y), graph.ReduceSum(dy, [fromFront(int("axis", -1), rankOf(y))]))),
];
