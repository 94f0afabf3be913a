import type { GraphBuilder, Value } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";

/** Squared Euclidean distances from rows of `x` [batch, width] to those of `points`: [batch, points], never below 0. */
export function squaredDistances(graph: GraphBuilder, x: Value, points: Tensor): Value {
  const [count, width] = points.shape as [number, number];
  const transposed = tensor([width, count]);
  const lengths = tensor([1, count]);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = 0; j < width; j++) {
      const value = points.data[i * width + j]!;
      transposed.data[j * count + i] = value;
      sum += value * value;
    }
    lengths.data[i] = sum;
  }
  const products = graph.MatMul(x, graph.constant(transposed));
  const own = graph.ReduceSum(graph.Mul(x, x), [1], 1);
  const cross = graph.Mul(products, graph.scalar(-2, x));
  return graph.op("Relu", [graph.Add(graph.Add(own, cross), graph.constant(lengths))]);
}
