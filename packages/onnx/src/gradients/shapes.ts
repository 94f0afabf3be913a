import type { Gradient } from "./gradient.ts";

export const Reshape: Gradient = ({ graph, dy, inputs: [x] }) => [graph.Reshape(dy, graph.shapeOf(x), x.shape)];
