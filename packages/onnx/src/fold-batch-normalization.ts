import { type AnyTensor, sizeOf, type Tensor } from "@casemate/tensor";
import { freshNames } from "./fresh-names.ts";
import { initializerTensor, tensorInitializer } from "./initializer.ts";
import type { Graph, Initializer, Model, Node } from "./model.ts";

/**
 * Multiplies each inference batch normalisation into the convolution before it: W' = W s, b' = (b − mean) s + bias with
 * s = scale / sqrt(variance + epsilon) per channel, which leaves one operator fewer to run forwards and backwards.
 * A pair stays as it is where the convolution has other readers, a weight is no constant, or one of its values is in `keep`.
 */
export function foldBatchNormalization(model: Model, keep: readonly string[]): Model {
  const { graph } = model;
  const kept = new Set([...keep, ...graph.outputs.map((output) => output.name)]);
  const readers = countReaders(graph);
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const initializers = new Map(graph.initializers);
  const fresh = freshNames(graph);
  const replaced = new Map<Node, Node | undefined>();
  for (const normalization of graph.nodes) {
    const convolution = producers.get(normalization.inputs[0] ?? "");
    if (
      convolution === undefined ||
      !isPair(convolution, normalization) ||
      readers.get(convolution.outputs[0]!) !== 1
    ) {
      continue;
    }
    const names = [convolution.outputs[0]!, ...convolution.inputs.slice(1), ...normalization.inputs.slice(1)];
    if (names.some((name) => kept.has(name))) {
      continue;
    }
    const folded = fold(convolution, normalization, graph.initializers, fresh);
    if (folded) {
      for (const initializer of folded.initializers) {
        initializers.set(initializer.name, initializer);
      }
      replaced.set(convolution, folded.node).set(normalization, undefined);
    }
  }
  const nodes = graph.nodes.flatMap((node) => (replaced.has(node) ? (replaced.get(node) ?? []) : node));
  return replaced.size === 0 ? model : { ...model, graph: { ...graph, nodes, initializers } };
}

function isPair(convolution: Node, normalization: Node): boolean {
  const isTraining = normalization.attributes.training_mode?.value === 1;
  const hasOneOutput = normalization.outputs.filter(Boolean).length === 1;
  return convolution.op === "Conv" && normalization.op === "BatchNormalization" && !isTraining && hasOneOutput;
}

function countReaders(graph: Graph): ReadonlyMap<string, number> {
  const readers = new Map<string, number>();
  const visit = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      for (const name of node.inputs) {
        readers.set(name, (readers.get(name) ?? 0) + 1);
      }
      for (const attribute of Object.values(node.attributes)) {
        if (attribute.type === "graph") {
          visit(attribute.value.nodes);
        }
      }
    }
  };
  visit(graph.nodes);
  return readers;
}

function fold(
  convolution: Node,
  normalization: Node,
  initializers: ReadonlyMap<string, Initializer>,
  fresh: (name: string) => string,
): { node: Node; initializers: readonly Initializer[] } | undefined {
  const read = (name: string | undefined): Tensor | undefined => {
    const initializer = name ? initializers.get(name) : undefined;
    const tensor: AnyTensor | undefined =
      initializer && initializer.dtype === "float32" ? initializerTensor(initializer) : undefined;
    return tensor?.dtype === "float32" ? tensor : undefined;
  };
  const [, weightName, biasName] = convolution.inputs;
  const weight = read(weightName);
  const bias = read(biasName);
  const [scale, shift, mean, variance] = normalization.inputs.slice(1).map(read);
  if (!weight || !scale || !shift || !mean || !variance || (biasName && !bias)) {
    return undefined;
  }
  const epsilonAttribute = normalization.attributes.epsilon;
  const epsilon = epsilonAttribute?.type === "float" ? epsilonAttribute.value : 1e-5;
  const channels = weight.shape[0]!;
  const perChannel = sizeOf(weight.shape) / channels;
  const newWeight = new Float32Array(weight.data.length);
  const newBias = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const factor = scale.data[channel]! / Math.sqrt(variance.data[channel]! + epsilon);
    newBias[channel] = ((bias?.data[channel] ?? 0) - mean.data[channel]!) * factor + shift.data[channel]!;
    for (let index = channel * perChannel; index < (channel + 1) * perChannel; index++) {
      newWeight[index] = weight.data[index]! * factor;
    }
  }
  const result = normalization.outputs[0]!;
  const weightFolded = tensorInitializer(fresh(`${result}/weight`), { ...weight, data: newWeight });
  const biasFolded = tensorInitializer(fresh(`${result}/bias`), { dtype: "float32", shape: [channels], data: newBias });
  return {
    node: { ...convolution, inputs: [convolution.inputs[0]!, weightFolded.name, biasFolded.name], outputs: [result] },
    initializers: [weightFolded, biasFolded],
  };
}
