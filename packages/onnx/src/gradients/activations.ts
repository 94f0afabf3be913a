import { float } from "../graph-builder.ts";
import type { Gradient } from "./gradient.ts";

// 1 where y > 0: a hard sigmoid so steep that it is a step. It stays in the blocked layout of the convolution before it and
// takes half the time of Where(Greater). In float16, 1e30 would overflow.
export const Relu: Gradient = ({ graph, dy, outputs: [y] }) => [
  y.dtype === "float32"
    ? graph.Mul(dy, graph.op("HardSigmoid", [y], { attributes: { alpha: float(1e30), beta: float(0) } }))
    : graph.Mul(dy, graph.Cast(graph.Greater(y, graph.scalar(0, y)), y.dtype)),
];
