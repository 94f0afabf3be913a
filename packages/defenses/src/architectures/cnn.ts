import type { Model } from "@casemate/onnx";
import { type NetworkOptions, network, requireSizes } from "./network.ts";

export interface CnnOptions extends NetworkOptions {
  /** Channels of each convolution; [16, 32] if absent. Each halves height and width. */
  readonly filters?: readonly number[];
  /** Size of the dense layer before the last; 100 if absent. */
  readonly hidden?: number;
}

/**
 * A convolutional network of the size of LeNet for images [channels, height, width]: 5×5 convolutions with stride 2, then two dense
 * layers, ReLU between all. Weights: convolution1, …, dense1, dense2.
 */
export function cnn({ filters = [16, 32], hidden = 100, ...options }: CnnOptions): Model {
  requireSizes("cnn", "filters", filters);
  requireSizes("cnn", "hidden", [hidden]);
  return network("cnn", options, [3], (layers, input) => {
    const [channels, height, width] = options.inputShape as [number, number, number];
    const features = filters.reduce((x, outer, i) => {
      const shape = [outer, filters[i - 1] ?? channels, 5, 5];
      return layers.relu(layers.convolution(`convolution${i + 1}`, x, shape, { stride: 2, pad: 2 }));
    }, input);
    const halved = (size: number) => filters.reduce((half) => Math.ceil(half / 2), size);
    const size = (filters.at(-1) ?? channels) * halved(height) * halved(width);
    const dense = layers.relu(layers.dense("dense1", layers.graph.op("Flatten", [features]), size, hidden));
    return layers.dense("dense2", dense, hidden, options.classes, false);
  });
}
