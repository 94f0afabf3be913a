import type { Model, Value } from "@casemate/onnx";
import { sizeOf, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import type { Layers } from "./layers.ts";
import { type NetworkOptions, network, requireSizes } from "./network.ts";
import type { Standardization } from "./standardization.ts";

export interface MlpOptions extends NetworkOptions {
  /** Sizes of the hidden layers; [100, 100] if absent. */
  readonly hidden?: readonly number[];
  /** What the features are standardised by inside the model, as constants that training leaves as they are; not at all if absent. */
  readonly standardization?: Standardization;
}

/** A multilayer perceptron: the sample flattened and, where asked for, standardised, dense layers with ReLU between them. Weights: dense1, dense2, … */
export function mlp({ hidden = [100, 100], standardization, ...options }: MlpOptions): Model {
  requireSizes("mlp", "hidden", hidden);
  return network("mlp", options, [], (layers, input) => {
    const sizes = [sizeOf(options.inputShape), ...hidden, options.classes];
    const raw = options.inputShape.length === 1 ? input : layers.graph.op("Flatten", [input]);
    const flat = standardization ? standardized(layers, raw, standardization, sizes[0]!) : raw;
    return sizes.slice(1).reduce((x, size, layer) => {
      const isLast = layer === sizes.length - 2;
      const y = layers.dense(`dense${layer + 1}`, x, sizes[layer]!, size, !isLast);
      return isLast ? y : layers.relu(y);
    }, flat);
  });
}

function standardized(layers: Layers, x: Value, { mean, deviation }: Standardization, width: number): Value {
  if (mean.length !== width || deviation.length !== width || deviation.some((each) => !(each > 0))) {
    throw new DefenseError(
      "INVALID_OPTION",
      `mlp: expected a standardization of ${width} means and deviations above 0, got ${mean.length} and [${deviation}]`,
    );
  }
  const constant = (name: string, numbers: Float32Array) =>
    layers.weight(`standardization.${name}`, tensor([width], numbers));
  const centred = layers.graph.Sub(x, constant("mean", mean));
  const factors = deviation.map((each) => 1 / each);
  return layers.graph.Mul(centred, constant("factor", factors));
}
