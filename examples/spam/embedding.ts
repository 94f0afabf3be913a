import { type Initializer, initializerTensor, type Model } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";

/**
 * A text classifier cut behind its table of vectors: tokens have nothing between them, vectors have, and so the attacks of an
 * audit apply to `rest`, whose one input is `embedded` [batch, length, size].
 */
export function cutBehindEmbedding(model: Model): { readonly table: Tensor; readonly rest: Model } {
  const { graph } = model;
  const lookup = graph.nodes.find(({ op, inputs }) => op === "Gather" && inputs[1] === graph.inputs[0]!.name);
  if (!lookup) throw new Error("model: expected a Gather that looks up the vectors of its tokens, got none");
  const [name] = lookup.inputs as [string];
  const table = initializerTensor(graph.initializers.get(name)!) as Tensor;
  const from = lookup.outputs[0]!;
  const nodes = graph.nodes
    .filter((node) => node !== lookup)
    .map((node) => ({ ...node, inputs: node.inputs.map((each) => (each === from ? "embedded" : each)) }));
  const shape = [...graph.inputs[0]!.shape!, table.shape[1]!];
  const initializers = new Map<string, Initializer>([...graph.initializers].filter(([each]) => each !== name));
  const inputs = [{ name: "embedded", dtype: "float32", shape, kind: "tensor" }] as const;
  return { table, rest: { ...model, graph: { ...graph, nodes, inputs, initializers } } };
}

/** The vectors of tokens [n, length], as [n, length, size]. */
export function embedded(tokens: Tensor<"int32">, table: Tensor): Tensor {
  const size = table.shape[1]!;
  const data = new Float32Array(tokens.data.length * size);
  for (const [i, token] of tokens.data.entries()) {
    data.set(table.data.subarray(token * size, (token + 1) * size), i * size);
  }
  return tensor([...tokens.shape, size], data);
}
