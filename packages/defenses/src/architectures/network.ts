import { GraphBuilder, type Model, type Value } from "@casemate/onnx";
import type { DType, Shape } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { Layers } from "./layers.ts";

export interface NetworkOptions {
  /** Of one sample, such as [1, 28, 28]; the batch before it is free. */
  readonly inputShape: Shape;
  readonly classes: number;
  /** What the initial weights are drawn by; 0 if absent. */
  readonly seed?: number;
}

/**
 * A classifier with initial weights: one input "input" [batch, ...inputShape], one output "logits" [batch, classes]. Throws a
 * DefenseError INVALID_OPTION for sizes that are not whole numbers from 1, and for input shapes of other ranks than `ranks`.
 */
export function network(
  name: string,
  { inputShape, classes, seed = 0 }: NetworkOptions,
  ranks: readonly number[],
  build: (layers: Layers, input: Value) => Value,
  dtype: DType = "float32",
): Model {
  requireSizes(name, "inputShape", inputShape);
  requireSizes(name, "classes", [classes]);
  if (ranks.length > 0 && !ranks.includes(inputShape.length)) {
    throw new DefenseError(
      "INVALID_OPTION",
      `${name}: expected an inputShape of ${ranks.join(" or ")} axes, got [${inputShape}]`,
    );
  }
  const graph = new GraphBuilder(`${name}/`);
  const input = graph.input("input", dtype, ["batch", ...inputShape]);
  const last = build(new Layers(graph, seed), input);
  return {
    irVersion: 10,
    opsets: new Map([["", 20]]),
    producer: "casemate",
    metadata: new Map(),
    functions: [],
    graph: {
      name,
      nodes: graph.nodes.map((node) => (node.outputs[0] === last.name ? { ...node, outputs: ["logits"] } : node)),
      inputs: graph.inputs,
      outputs: [{ name: "logits", dtype: "float32", shape: ["batch", classes], kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
}

/** Throws a DefenseError INVALID_OPTION unless all are whole numbers from 1. */
export function requireSizes(name: string, option: string, sizes: readonly number[]): void {
  if (sizes.every((size) => Number.isSafeInteger(size) && size > 0)) return;
  throw new DefenseError("INVALID_OPTION", `${name}: expected whole numbers from 1 for ${option}, got [${sizes}]`);
}
