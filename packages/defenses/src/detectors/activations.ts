import type { GraphBuilder, Model, Node, Session, Value } from "@casemate/onnx";
import { openSession } from "@casemate/onnx";
import { type Tensor, takeRows } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Activations, Detector } from "./detector.ts";
import { runInBatches } from "./run-in-batches.ts";

/** Where a detector looks into a classifier. */
export interface Taps {
  readonly features: Tap;
  readonly layers: readonly Tap[];
}

interface Tap {
  readonly name: string;
  /** Brings it to [batch, width]. */
  readonly flat: (graph: GraphBuilder, y: Value) => Value;
}

/** The values before the linear layers, seen as the detector asks; `x` tells how many axes they have. */
export async function tapsOf(model: Model, output: string, layers: Detector["layers"], x: Tensor): Promise<Taps> {
  const features: Tap = { name: featureOf(model, output), flat: whole };
  if (!layers) return { features, layers: [] };
  const found = layerInputs(model, output);
  const outputs = found.map(({ name }) => ({ name, dtype: "float32", shape: undefined, kind: "tensor" }) as const);
  const session = await openSession({ ...model, graph: { ...model.graph, outputs } });
  try {
    const input = session.inputs[0]!.name;
    const results = await session.run({ [input]: takeRows(x, [0]) });
    const taps = found.map(({ name, consumer }): Tap => {
      const rank = results[name]!.shape.length;
      if (layers === "whole" || rank <= 2) return { name, flat: whole };
      const isChannelsFirst = consumer.op === "Conv" || rank === 4;
      const axes = Array.from({ length: rank - 2 }, (_, i) => (isChannelsFirst ? i + 2 : i + 1));
      return {
        name,
        flat: (graph, y) => graph.op("ReduceMean", [y, graph.ints(axes)], { attributes: { keepdims: 0 } }),
      };
    });
    return { features, layers: taps };
  } finally {
    await session.dispose();
  }
}

/** What a session with the outputs logits, features and layers gives for samples. */
export async function activationsOf(session: Session, x: Tensor): Promise<Activations & { readonly logits: Tensor }> {
  const names = session.outputs.map(({ name }) => name);
  const [logits, features, ...layers] = await runInBatches(session, names, x);
  return { x, logits: logits!, features: features!, layers };
}

function whole(graph: GraphBuilder, y: Value): Value {
  return graph.op("Flatten", [y], { attributes: { axis: 1 } });
}

const LINEAR: ReadonlySet<string> = new Set(["Gemm", "MatMul", "Conv"]);
const FLATTENING: ReadonlySet<string> = new Set(["Flatten", "Reshape"]);

/** What each linear layer but the first takes, before flattening, with a node that takes it. */
function layerInputs({ graph }: Model, output: string): { readonly name: string; readonly consumer: Node }[] {
  const producers = producersOf(graph.nodes);
  const moving = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    if (node.inputs.some((name) => moving.has(name))) for (const name of node.outputs) moving.add(name);
  }
  const needed = new Set([output]);
  for (const node of graph.nodes.toReversed()) {
    if (node.outputs.some((name) => needed.has(name))) for (const name of node.inputs) needed.add(name);
  }
  const found = new Map<string, Node>();
  for (const node of graph.nodes) {
    if (!LINEAR.has(node.op) || !node.outputs.some((name) => needed.has(name))) continue;
    let name = node.inputs[0]!;
    for (let made = producers.get(name); made && FLATTENING.has(made.op); made = producers.get(name)) {
      name = made.inputs[0]!;
    }
    if (producers.has(name) && moving.has(name) && !found.has(name)) found.set(name, node);
  }
  return [...found].map(([name, consumer]) => ({ name, consumer }));
}

/** What the last linear layer before the logits takes. */
function featureOf({ graph }: Model, output: string): string {
  const producers = producersOf(graph.nodes);
  let node = producers.get(output);
  while (node) {
    if (LINEAR.has(node.op)) return node.inputs[0]!;
    node = node.inputs.map((name) => producers.get(name)).find((each) => each !== undefined);
  }
  throw new DefenseError(
    "UNSUPPORTED_MODEL",
    `fitDetector: expected a Gemm, MatMul or Conv before '${output}', got none`,
  );
}

function producersOf(nodes: readonly Node[]): ReadonlyMap<string, Node> {
  return new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
}
