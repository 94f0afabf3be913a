import type { AnyTensor } from "@casemate/tensor";
import { differentiate } from "../../src/differentiate.ts";
import { type AttributeLike, attributeOf } from "../../src/graph-builder.ts";
import { tensorInitializer } from "../../src/initializer.ts";
import type { Model, Node } from "../../src/model.ts";
import { openSession } from "../../src/session.ts";
import { numbersOf } from "./harness.ts";

/** A node as tests write it; the first output is its name. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeLike>> = {},
  domain = "",
): Node {
  const entries = Object.entries(attributes).map(([key, value]) => [key, attributeOf(value)] as const);
  return { name: outputs[0]!, op, domain, inputs, outputs, attributes: Object.fromEntries(entries) };
}

/** A model whose output is called "y"; inputs are declared like the tensors given for them. */
export function modelWith(
  nodes: readonly Node[],
  inputs: Readonly<Record<string, AnyTensor>>,
  initializers: Readonly<Record<string, AnyTensor>> = {},
  opset = 21,
): Model {
  return {
    irVersion: 10,
    opsets: new Map([
      ["", opset],
      ["ai.onnx.ml", 3],
    ]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "test",
      nodes,
      inputs: Object.entries(inputs).map(([name, { dtype, shape }]) => ({ name, dtype, shape, kind: "tensor" })),
      outputs: [{ name: "y", dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: new Map(
        Object.entries(initializers).map(([name, tensor]) => [name, tensorInitializer(name, tensor)]),
      ),
    },
  };
}

/** The gradient of the sum of "y" [batch, classes] with respect to each name in `wrt`; the inputs are the sample too. */
export async function gradientAt(
  model: Model,
  inputs: Readonly<Record<string, AnyTensor>>,
  wrt: readonly string[],
  sample: Readonly<Record<string, AnyTensor>> = inputs,
): Promise<number[][]> {
  const derived = await differentiate(model, { wrt, sample, loss: (graph, y) => graph.ReduceSum(y, [1], 0) });
  const session = await openSession(derived, { threads: 1 });
  try {
    const results = await session.run(inputs);
    return wrt.map((name) => numbersOf(results[`gradient/${name}`]!));
  } finally {
    await session.dispose();
  }
}
