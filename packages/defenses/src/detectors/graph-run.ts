import { GraphBuilder, type Model, openSession, type Value } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import { runInBatches } from "./run-in-batches.ts";

/** What a piece of a graph makes of rows [samples, ...]: the same numbers as where it is part of a detector. */
export async function runGraph(x: Tensor, build: (graph: GraphBuilder, x: Value) => Value): Promise<Tensor> {
  const graph = new GraphBuilder("run/");
  const input = graph.input("x", "float32", ["batch", ...x.shape.slice(1)]);
  const output = build(graph, input);
  const model: Model = {
    irVersion: 10,
    opsets: new Map([["", 20]]),
    producer: "casemate",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "run",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: output.name, dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
  const session = await openSession(model);
  try {
    return (await runInBatches(session, [output.name], x))[0]!;
  } finally {
    await session.dispose();
  }
}

/** The nodes of a model of one input, written into a graph on `x`; returns its first output. It may hold no subgraphs. */
export function embedded(graph: GraphBuilder, { graph: inner }: Model, x: Value): Value {
  const prefix = `${graph.op("Identity", [x]).name}/`;
  const names = new Map([["", ""]]);
  names.set(inner.inputs[0]!.name, x.name);
  const rename = (name: string) => names.get(name) ?? `${prefix}${name}`;
  for (const [name, initializer] of inner.initializers) {
    graph.initializers.set(rename(name), { ...initializer, name: rename(name) });
  }
  for (const node of inner.nodes) {
    graph.nodes.push({
      ...node,
      name: rename(node.name),
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    });
  }
  return { name: rename(inner.outputs[0]!.name), dtype: "float32", shape: undefined };
}
