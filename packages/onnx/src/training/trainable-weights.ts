import { OnnxError } from "../errors.ts";
import type { Graph } from "../model.ts";

/**
 * The initializers that a graph holds as weights: float32 numbers at the places of an operator where weights stand. Constants that a
 * formula is written with (a factor, an epsilon, a bound) are none, and neither are those before the first layer: the mean and the scale
 * by which samples are normalised. Names given by the user are checked and taken as they are.
 */
export function trainableWeights(graph: Graph, names?: readonly string[]): readonly string[] {
  for (const name of names ?? []) {
    if (!graph.initializers.has(name)) {
      throw new OnnxError("SHAPE_MISMATCH", `trainable: expected the name of a weight, got '${name}'`);
    }
  }
  const found = names ?? weightsOf(graph);
  if (found.length > 0) return found;
  throw new OnnxError(
    "UNSUPPORTED_OPERATOR",
    "model: expected a weight of float32 to train, got none in an initializer (constantsAsInitializers makes them of nodes)",
  );
}

/** In the order of the graph, in which whatever follows from a layer is known when it is met. */
function weightsOf({ nodes, initializers }: Graph): readonly string[] {
  const found = new Set<string>();
  const behindLayers = new Set<string>();
  for (const { op, inputs, outputs } of nodes) {
    const isFormula = formulas.has(op);
    const isBehind = inputs.some((name) => behindLayers.has(name));
    const weights = (weightInputs[op] ?? []).flatMap((index) => {
      const name = inputs[index] ?? "";
      const initializer = initializers.get(name);
      const isWeight =
        initializer?.dtype === "float32" && (!isFormula || (isBehind && isMoreThanOne(initializer.shape)));
      return isWeight ? [name] : [];
    });
    for (const name of weights) found.add(name);
    if (isBehind || (!isFormula && weights.length > 0)) for (const name of outputs) behindLayers.add(name);
  }
  return [...found];
}

/** Operators that formulas are written with as well as layers. */
const formulas = new Set(["Add", "Mul", "Sub"]);

/** Where an operator has its weights. */
const weightInputs: Readonly<Record<string, readonly number[]>> = {
  Add: [0, 1],
  BatchNormalization: [1, 2],
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  GRU: [1, 2, 3],
  Gather: [0],
  Gemm: [0, 1, 2],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LSTM: [1, 2, 3],
  LayerNormalization: [1, 2],
  MatMul: [0, 1],
  Mul: [0, 1],
  PRelu: [1],
  RMSNormalization: [1],
  RNN: [1, 2, 3],
  Sub: [1],
};

/** One number that is added or multiplied is a constant of a formula. */
function isMoreThanOne(shape: readonly number[]): boolean {
  return shape.some((extent) => extent > 1);
}
