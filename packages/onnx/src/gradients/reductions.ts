import { rankOf } from "../value.ts";
import type { Gradient } from "./gradient.ts";

export const ReduceSum: Gradient = ({ graph, dy, inputs: [x], numbers, int }) => {
  const axes = numbers(1, []).map((axis) => (axis < 0 ? axis + rankOf(x) : axis));
  const kept = int("keepdims", 1) === 1 ? dy : graph.Unsqueeze(dy, axes);
  return [graph.Expand(kept, graph.shapeOf(x), x.shape)];
};
