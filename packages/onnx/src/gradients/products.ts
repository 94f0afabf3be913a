import { rankOf, type Value } from "../value.ts";
import type { Gradient, Site } from "./gradient.ts";

// da = dy bᵀ, db = aᵀ dy, summed over what was broadcast
export const MatMul: Gradient = ({ graph, dy, inputs: [a, b], outputs: [y], wants }) => {
  if (rankOf(a) !== 2 || rankOf(b) !== 2) {
    throw new Error("to be written");
  }
  return [
    wants(0) ? graph.MatMul(dy, swapLast(graph, b)) : undefined,
    wants(1) ? graph.MatMul(swapLast(graph, a), dy) : undefined,
  ].map((g) => g && { ...g, shape: y.shape });
};

function swapLast(graph: Site["graph"], x: Value): Value {
  const axes = Array.from({ length: rankOf(x) }, (_, axis) => axis);
  return graph.Transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}
