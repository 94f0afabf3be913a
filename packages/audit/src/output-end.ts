import type { Initializer, Model, Node } from "@casemate/onnx";

/** How the graph makes one of its outputs. */
export interface OutputEnd {
  /** The operator that gives the output its meaning, past Identity, Cast and reshaping; undefined for an input or a constant. */
  readonly op: string | undefined;
  /** Numbers per sample; undefined where neither the declaration nor the weights tell. */
  readonly width: number | undefined;
  /** Class names that ZipMap carries. */
  readonly labels: readonly string[] | undefined;
}

const PASSES_ON = new Set(["Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "ZipMap", "Normalizer"]);
const KEEPS_WIDTH = new Set([
  "Identity",
  "Cast",
  "Softmax",
  "LogSoftmax",
  "Sigmoid",
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Clip",
]);
const RESHAPES = new Set(["Reshape", "Squeeze", "Unsqueeze", "Flatten"]);

/** Walks back from an output to the operator that decides what its numbers are, and to the weights that say how many. */
export function endOf(model: Model, output: string): OutputEnd {
  const producers = new Map(model.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  let end = producers.get(output);
  let labels: readonly string[] | undefined;
  let isReshaped = false;
  while (end && PASSES_ON.has(end.op)) {
    isReshaped ||= RESHAPES.has(end.op);
    labels ??= end.op === "ZipMap" ? zipMapLabels(end) : undefined;
    end = producers.get(end.inputs[0] ?? "");
  }
  const declared = model.graph.outputs.find(({ name }) => name === output)?.shape;
  const last = declared && declared.length >= 2 ? declared.at(-1) : declared?.length === 1 ? 1 : undefined;
  const fromWeights = isReshaped ? undefined : end?.op === "ArgMax" ? 1 : widthOf(end, producers, model);
  return { op: end?.op, width: typeof last === "number" ? last : (labels?.length ?? fromWeights), labels };
}

function widthOf(from: Node | undefined, producers: ReadonlyMap<string, Node>, model: Model): number | undefined {
  let node = from;
  while (node) {
    const constants = node.inputs.map((name) => model.graph.initializers.get(name));
    if (node.op === "Gemm" && constants[1]) {
      const transB = node.attributes.transB;
      return constants[1].shape[transB?.type === "int" && transB.value === 1 ? 0 : 1];
    }
    if (node.op === "MatMul") return lastAxis(constants[1]);
    if (!KEEPS_WIDTH.has(node.op)) return undefined;
    const bias = constants.find((constant) => constant && constant.shape.length === 1 && constant.shape[0]! > 1);
    if (bias && node.op === "Add") return bias.shape[0];
    node = producers.get(node.inputs.find((name) => producers.has(name)) ?? "");
  }
  return undefined;
}

function lastAxis(constant: Initializer | undefined): number | undefined {
  return constant?.shape.length === 2 ? constant.shape[1] : undefined;
}

function zipMapLabels(node: Node): readonly string[] | undefined {
  const { classlabels_strings: strings, classlabels_int64s: numbers } = node.attributes;
  if (strings?.type === "strings" && strings.value.length > 0) return strings.value;
  if (numbers?.type === "ints" && numbers.value.length > 0) return numbers.value.map(String);
  return undefined;
}
