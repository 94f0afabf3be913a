import type { Attributes, Initializer, Model, Node, ValueInfo } from "@casemate/onnx";

/** Declared input or output of a tiny model. */
export function value(
  name: string,
  dtype: ValueInfo["dtype"],
  shape: ValueInfo["shape"],
  kind: ValueInfo["kind"] = "tensor",
): ValueInfo {
  return { name, dtype, shape, kind };
}

/** A node named after its operator. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Attributes = {},
): Node {
  return { name: op, op, domain: "", inputs, outputs, attributes };
}

/** A constant of zeros. */
export function constant(name: string, shape: readonly number[]): Initializer {
  const bytes = new Uint8Array(4 * shape.reduce((size, axis) => size * axis, 1));
  return { name, dtype: "float32", shape, data: { type: "bytes", bytes } };
}

/** A graph that is only described: none of these tests runs it. */
export function model(
  inputs: readonly ValueInfo[],
  nodes: readonly Node[],
  outputs: readonly ValueInfo[],
  constants: readonly Initializer[] = [],
): Model {
  return {
    irVersion: 10,
    opsets: new Map([["", 18]]),
    producer: "test",
    metadata: new Map(),
    graph: { name: "test", nodes, inputs, outputs, initializers: new Map(constants.map((each) => [each.name, each])) },
    functions: [],
  };
}

/** Pictures [batch, 1, 28, 28] → Flatten → Gemm to ten classes → `end`, if any. */
export function digitModel(end?: "Softmax" | "LogSoftmax" | "Sigmoid" | "ArgMax", classes = 10): Model {
  const last = end ?? "Gemm";
  return model(
    [value("x", "float32", ["batch", 1, 28, 28])],
    [
      node("Flatten", ["x"], ["flat"]),
      node("Gemm", ["flat", "w", "b"], [end ? "scores" : "y"], { transB: { type: "int", value: 1 } }),
      ...(end ? [node(end, ["scores"], ["y"])] : []),
    ],
    [value("y", last === "ArgMax" ? "int64" : "float32", last === "ArgMax" ? ["batch"] : ["batch", classes])],
    [constant("w", [classes, 784]), constant("b", [classes])],
  );
}
