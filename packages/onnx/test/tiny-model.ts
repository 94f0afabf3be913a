import type { AnyTensor, Shape, Tensor } from "@casemate/tensor";
import { sizeOf } from "@casemate/tensor";
import { GraphBuilder } from "../src/graph-builder.ts";
import { type Feeds, openSession } from "../src/index.ts";
import type { Dimension, Model } from "../src/model.ts";
import type { Value } from "../src/value.ts";

/** A model of one float32 input `x`, whose outputs are what `build` returns; names of outputs are those of the values. */
export function tinyModel(
  shape: readonly Dimension[],
  build: (graph: GraphBuilder, x: Value) => Value | readonly Value[],
  opset = 21,
): Model {
  const graph = new GraphBuilder("v/");
  const x = graph.input("x", "float32", shape);
  const outputs = [build(graph, x)].flat();
  return {
    irVersion: 9,
    opsets: new Map([
      ["", opset],
      ["ai.onnx.ml", 3],
    ]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "tiny",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape, kind: "tensor" as const })),
      initializers: graph.initializers,
    },
  };
}

/** A float32 tensor of irregular numbers between -1 and 1, always the same. */
export function wave(shape: Shape, phase = 0): Tensor {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, index) => Math.sin(12.9898 * (index + 1) + phase));
  return { dtype: "float32", shape, data };
}

/** Runs a model once, in a session of its own. */
export async function runOnce(model: Model, feeds: Feeds): Promise<Readonly<Record<string, AnyTensor>>> {
  const session = await openSession(model);
  try {
    return await session.run(feeds);
  } finally {
    await session.dispose();
  }
}

/** The numbers of the first output. */
export async function firstOutput(model: Model, feeds: Feeds): Promise<number[]> {
  const results = await runOnce(model, feeds);
  return Array.from(results[model.graph.outputs[0]!.name]!.data as ArrayLike<number>);
}
