import { type Dimension, GraphBuilder, type Model, type Value } from "@casemate/onnx";

/** A model of one input `x`, whose output is what `build` returns. */
export function modelOf(
  shape: readonly Dimension[],
  build: (graph: GraphBuilder, x: Value) => Value,
  dtype: "float32" | "float16" | "float64" = "float32",
): Model {
  const graph = new GraphBuilder("v/");
  const output = build(graph, graph.input("x", dtype, shape));
  return {
    irVersion: 9,
    opsets: new Map([["", 21]]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "tiny",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: output.name, dtype: output.dtype, shape: undefined, kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
}
