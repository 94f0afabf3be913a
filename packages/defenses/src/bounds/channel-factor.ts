import type { Site, Value } from "@casemate/onnx";

/** What an inference batch normalisation multiplies by: scale / sqrt(variance + ε), shaped to broadcast over [batch, channels, …]. */
export function perChannelFactor({ graph, inputs, float }: Site): Value {
  const [x, scale, , , variance] = inputs as [Value, Value, Value, Value, Value];
  const deviation = graph.Sqrt(graph.Add(variance, graph.scalar(float("epsilon", 1e-5), variance)));
  const factor = graph.Div(scale, deviation);
  const [channels] = scale.shape as number[];
  const shape = [channels!, ...x.shape!.slice(2).map(() => 1)];
  return graph.Reshape(factor, graph.ints(shape), shape);
}
