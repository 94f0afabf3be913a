import { sizeOf } from "@casemate/tensor";
import { editOutput } from "./edit.ts";
import { OnnxError } from "./errors.ts";
import { describe } from "./gradients/gradient.ts";
import type { GraphBuilder } from "./graph-builder.ts";
import { initializerTensor } from "./initializer.ts";
import type { Graph, Model, Node } from "./model.ts";
import { prune } from "./prune.ts";
import type { Value } from "./value.ts";

/** What a model's output holds: "logit" and "probability" are the single number of a binary classifier. */
export type OutputKind = "logits" | "probabilities" | "logit" | "probability" | "labels";

export interface LogitsModel {
  /** A copy whose only output is logits [batch, classes], or log-probabilities where no logits could be found. */
  readonly model: Model;
  readonly output: string;
  readonly scale: "logits" | "log-probabilities";
  /** One sentence per thing that was cut or added. */
  readonly edits: readonly string[];
}

export interface LogitsOptions {
  /** The output to start from; else the first float tensor, or what a ZipMap or ArgMax is made of. */
  readonly output?: string;
  /** What that output holds; needed where the graph does not end in a Softmax or Sigmoid that tells. */
  readonly kind?: OutputKind;
}

/**
 * Finds the logits of a classifier: cuts ZipMap, ArgMax, label look-ups and a last Softmax, LogSoftmax or Sigmoid. Takes a
 * model in its form since opset 18. A single logit z becomes [0, z]; probabilities that cannot be cut become log(p).
 * Throws an OnnxError UNSUPPORTED_OPERATOR if only labels can be found.
 */
export function exposeLogits(model: Model, { output, kind }: LogitsOptions = {}): LogitsModel {
  const edits: string[] = [];
  refuseManyPredictions(model.graph, output);
  const graph = new Walk(model.graph);
  let name = scoresOf(graph, output ?? chooseOutput(model.graph), edits);
  const binary = graph.binaryPair(name);
  if (binary) {
    edits.push(
      `cut ${describe(graph.producer(name)!)} with ${describe(graph.producer(binary.probability)!)}: a single logit z, used as [0, z]`,
    );
    return finish(model, binary.logit, edits, "logits", singleLogit);
  }
  const end = graph.end(name);
  const isSingle = kind === "logit" || kind === "probability" || graph.columns(name) === 1;
  if (end?.op === "Softmax" || end?.op === "Sigmoid" || (end?.op === "LogSoftmax" && !isSingle)) {
    edits.push(
      `cut ${describe(end)}: losses act on the logits before it${isSingle ? ", a single z used as [0, z]" : ""}`,
    );
    name = end.inputs[0]!;
    return finish(model, name, edits, "logits", isSingle ? singleLogit : flattened);
  }
  if (kind === "probability" || (kind === "probabilities" && isSingle)) {
    edits.push(`'${name}' is one probability p without a Sigmoid to cut: losses use [log(1 - p), log(p)]`);
    return finish(model, name, edits, "log-probabilities", singleProbability);
  }
  if (kind === "probabilities") {
    edits.push(`'${name}' are probabilities without a Softmax to cut: losses use log(p)`);
    return finish(model, name, edits, "log-probabilities", logProbabilities);
  }
  if (isSingle) {
    edits.push(`'${name}' is a single logit z, used as [0, z]`);
  }
  return finish(model, name, edits, "logits", isSingle ? singleLogit : flattened);
}

function finish(
  model: Model,
  name: string,
  edits: readonly string[],
  scale: LogitsModel["scale"],
  edit: (graph: GraphBuilder, y: Value) => Value,
): LogitsModel {
  const edited = editOutput(model, { name, dtype: "float32", shape: undefined }, edit);
  return { model: { ...edited, graph: prune(edited.graph) }, output: edited.graph.outputs[0]!.name, scale, edits };
}

const SMALLEST = 1e-12; // a probability that rounds to 0 still has a finite logarithm

const flattened = (graph: GraphBuilder, y: Value): Value => graph.op("Flatten", [y], { attributes: { axis: 1 } });

const logProbabilities = (graph: GraphBuilder, p: Value): Value =>
  graph.Log(graph.Max(flattened(graph, p), graph.scalar(SMALLEST, p)));

const singleLogit = (graph: GraphBuilder, z: Value): Value => {
  const column = graph.Reshape(z, graph.ints([-1, 1]));
  return graph.Concat([graph.Sub(column, column), column], 1);
};

const singleProbability = (graph: GraphBuilder, p: Value): Value => {
  const column = graph.Reshape(p, graph.ints([-1, 1]));
  return logProbabilities(graph, graph.Concat([graph.Sub(graph.scalar(1, p), column), column], 1));
};

/** One prediction per sample is attacked: [batch, classes], with further axes of size one at most. */
function refuseManyPredictions(graph: Graph, output: string | undefined): void {
  const name = output ?? chooseOutput(graph);
  const shape = graph.outputs.find((each) => each.name === name)?.shape;
  if (shape && shape.slice(1).filter((dimension) => dimension !== 1).length > 1) {
    const got = shape.map((dimension) => dimension ?? "?").join(", ");
    throw new OnnxError(
      "SHAPE_MISMATCH",
      `output '${name}': expected one score per class for each sample, [batch, classes], got [${got}]`,
    );
  }
}

function chooseOutput(graph: Graph): string {
  const floats = graph.outputs.filter((output) => output.kind === "tensor" && output.dtype.startsWith("float"));
  const scores = floats[0] ?? graph.outputs.find((output) => output.kind !== "tensor") ?? graph.outputs[0];
  if (!scores) {
    throw new OnnxError("MALFORMED_MODEL", "the graph: expected at least one output, got none");
  }
  return scores.name;
}

/** Walks back from labels and maps to the scores they were made of. */
function scoresOf(graph: Walk, output: string, edits: string[]): string {
  const node = graph.end(output);
  switch (node?.op) {
    case "ZipMap":
    case "ArgMax":
    case "TopK":
      edits.push(`cut ${describe(node)}: the scores it takes are used`);
      return scoresOf(graph, node.inputs[0]!, edits);
    case "ArrayFeatureExtractor":
    case "Gather":
      if (graph.isIndexedByArgMax(node)) {
        edits.push(`cut ${describe(node)}: a look-up of label names`);
        return scoresOf(graph, node.inputs[1]!, edits);
      }
      return output;
    case "LabelEncoder":
      edits.push(`cut ${describe(node)}: a look-up of label names`);
      return scoresOf(graph, node.inputs[0]!, edits);
    default:
      return output;
  }
}

/** Looks up who makes a value. */
class Walk {
  readonly #graph: Graph;
  readonly #producers: ReadonlyMap<string, Node>;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  }

  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  /** The node that makes a value, behind those that only rename, cast or reshape it. */
  end(name: string): Node | undefined {
    let node = this.#producers.get(name);
    while (
      node &&
      ["Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout", "Normalizer"].includes(node.op)
    ) {
      node = this.#producers.get(node.inputs[0]!);
    }
    return node;
  }

  isIndexedByArgMax(node: Node): boolean {
    const index = this.end(node.inputs[1] ?? "");
    return index?.op === "ArgMax" || index?.op === "TopK";
  }

  /** Concat(1 − p, p) with p = sigmoid(z), as scikit-learn's binary classifiers end. */
  binaryPair(name: string): { logit: string; probability: string } | undefined {
    const concat = this.end(name);
    if (concat?.op !== "Concat" || concat.inputs.length !== 2) {
      return undefined;
    }
    const [negative, positive] = concat.inputs;
    const complement = this.end(negative!);
    const sigmoid = this.end(positive!);
    const isComplement =
      complement?.op === "Sub" && this.#isOne(complement.inputs[0]!) && this.end(complement.inputs[1]!) === sigmoid;
    return isComplement && sigmoid?.op === "Sigmoid"
      ? { logit: sigmoid.inputs[0]!, probability: sigmoid.outputs[0]! }
      : undefined;
  }

  /** The number of columns that the graph declares for an output; undefined if it does not say. */
  columns(name: string): number | undefined {
    const shape = this.#graph.outputs.find((output) => output.name === name)?.shape;
    const sizes = shape?.slice(1).map(Number) ?? []; // NaN where a size is free
    return sizes.length > 0 && sizes.every(Number.isInteger) ? sizeOf(sizes) : undefined;
  }

  #isOne(name: string): boolean {
    const node = this.#producers.get(name);
    const attribute = node?.op === "Constant" ? node.attributes.value : undefined;
    const initializer = attribute?.type === "tensor" ? attribute.value : this.#graph.initializers.get(name);
    return (
      initializer !== undefined &&
      Array.from(initializerTensor(initializer).data, Number).every((number) => number === 1)
    );
  }
}
