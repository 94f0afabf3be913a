import type { Gradient } from "./gradient.ts";

// The ai.onnx.ml operator that scikit-learn's scalers become: y = (x − offset) · scale
export const Scaler: Gradient = ({ graph, dy, inputs: [x], floats }) => {
  const scale = floats("scale") ?? [1];
  const factors = graph.constant({ dtype: "float32", shape: [scale.length], data: Float32Array.from(scale) });
  return [graph.Cast(graph.Mul(dy, graph.Cast(factors, dy.dtype)), x.dtype)];
};
