import type { Model } from "@casemate/onnx";
import { sizeOf } from "@casemate/tensor";
import { type NetworkOptions, network, requireSizes } from "./network.ts";

export interface MlpOptions extends NetworkOptions {
  /** Sizes of the hidden layers; [100, 100] if absent. */
  readonly hidden?: readonly number[];
}

/** A multilayer perceptron: the sample flattened, dense layers with ReLU between them. Weights: dense1, dense2, … */
export function mlp({ hidden = [100, 100], ...options }: MlpOptions): Model {
  requireSizes("mlp", "hidden", hidden);
  return network("mlp", options, [], (layers, input) => {
    const sizes = [sizeOf(options.inputShape), ...hidden, options.classes];
    const flat = options.inputShape.length === 1 ? input : layers.graph.op("Flatten", [input]);
    return sizes.slice(1).reduce((x, size, layer) => {
      const isLast = layer === sizes.length - 2;
      const y = layers.dense(`dense${layer + 1}`, x, sizes[layer]!, size, !isLast);
      return isLast ? y : layers.relu(y);
    }, flat);
  });
}
