import type { ElementType, GraphBuilder, Model, OutputKind, Value } from "@casemate/onnx";
import { DefenseError } from "../errors.ts";

/**
 * How an output holds probabilities, and its element type. Logits become logarithms of probabilities, down to log 1e-12. Throws a
 * DefenseError UNSUPPORTED_MODEL where it holds none.
 */
export function outputForm(
  model: Model,
  output: { readonly name: string; readonly kind: OutputKind },
): Form & { readonly dtype: ElementType } {
  const declared = model.graph.outputs.find(({ name }) => name === output.name);
  if (declared?.kind !== "tensor" || !FLOATS.has(declared.dtype) || output.kind === "labels") {
    const got = declared ? `${declared.kind} of ${output.kind}, ${declared.dtype}` : "no such output";
    throw new DefenseError(
      "UNSUPPORTED_MODEL",
      `output '${output.name}': expected logits or probabilities, got ${got}`,
    );
  }
  return { ...forms[output.kind], dtype: declared.dtype };
}

interface Form {
  /** To float32 [batch, classes]. */
  readonly toProbabilities: (graph: GraphBuilder, raw: Value) => Value;
  readonly fromProbabilities: (graph: GraphBuilder, p: Value) => Value;
}

/** Element types of numbers that defences compute with. */
export const FLOATS: ReadonlySet<string> = new Set(["float16", "float32", "float64"]);

const both = (graph: GraphBuilder, raw: Value): Value => {
  const p = graph.Reshape(raw, graph.ints([-1, 1]));
  return graph.Concat([graph.Sub(graph.scalar(1, p), p), p], 1);
};
const logarithm = (graph: GraphBuilder, p: Value): Value => graph.Log(graph.Max(p, graph.scalar(SMALLEST, p)));
const column = (graph: GraphBuilder, x: Value, k: number): Value => graph.Slice(x, [k], [k + 1], [1]);

const forms: Record<Exclude<OutputKind, "labels">, Form> = {
  logits: { toProbabilities: (graph, z) => graph.Softmax(z, 1), fromProbabilities: logarithm },
  probabilities: { toProbabilities: (_, p) => p, fromProbabilities: (_, p) => p },
  logit: {
    toProbabilities: (graph, z) => both(graph, graph.Sigmoid(z)),
    fromProbabilities: (graph, p) =>
      graph.Sub(logarithm(graph, column(graph, p, 1)), logarithm(graph, column(graph, p, 0))),
  },
  probability: { toProbabilities: both, fromProbabilities: (graph, p) => column(graph, p, 1) },
};

const SMALLEST = 1e-12; // what behindOutput of @casemate/attacks takes for 0 too
