import { type Model, tensorInitializer } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";

/** z = [a + b, a − b] of two features. */
export function linearModel(): Model {
  const weight = tensorInitializer("weight", tensor([2, 2], Float32Array.of(1, 1, 1, -1)));
  return {
    irVersion: 8,
    opsets: new Map([["", 18]]),
    producer: "",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "linear",
      nodes: [{ name: "linear", op: "MatMul", domain: "", inputs: ["x", "weight"], outputs: ["z"], attributes: {} }],
      inputs: [{ name: "x", dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
      outputs: [{ name: "z", dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
      initializers: new Map([["weight", weight]]),
    },
  };
}
