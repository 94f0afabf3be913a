import { OnnxError } from "../errors.ts";
import type { Graph } from "../model.ts";

/**
 * The initializers that a graph holds as weights: float32 numbers at the places of an operator where weights stand. Constants that a
 * formula is written with (a factor, an epsilon, a bound) are none. Names given by the user are checked and taken as they are.
 */
export function trainableWeights(graph: Graph, names?: readonly string[]): readonly string[] {
  for (const name of names ?? []) {
    if (!graph.initializers.has(name)) {
      throw new OnnxError("SHAPE_MISMATCH", `trainable: expected the name of a weight, got '${name}'`);
    }
  }
  const found = names ?? [
    ...new Set(
      graph.nodes.flatMap(({ op, inputs }) =>
        (weightInputs[op] ?? []).flatMap((index) => {
          const name = inputs[index] ?? "";
          const initializer = graph.initializers.get(name);
          return initializer?.dtype === "float32" && isWeight(op, initializer.shape) ? [name] : [];
        }),
      ),
    ),
  ];
  if (found.length > 0) return found;
  throw new OnnxError("UNSUPPORTED_OPERATOR", "model: expected a weight of float32 to train, got none");
}

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
function isWeight(op: string, shape: readonly number[]): boolean {
  const isFormula = op === "Add" || op === "Mul" || op === "Sub";
  return !isFormula || shape.some((extent) => extent > 1);
}
