import type { Model, Value } from "@casemate/onnx";
import type { Layers } from "./layers.ts";
import { type NetworkOptions, network, requireSizes } from "./network.ts";

export interface ResNetOptions extends NetworkOptions {
  /** Channels of the first stage; each later stage has twice those of the one before. 16 if absent. */
  readonly width?: number;
  /** Basic blocks in each stage; [2, 2, 2, 2], as in ResNet-18, if absent. */
  readonly blocks?: readonly number[];
}

/**
 * A residual network of basic blocks for small images [channels, height, width]: a 3×3 stem without pooling, 1×1 convolutions
 * where the shortcut changes shape (He et al., 2016, https://arxiv.org/abs/1512.03385). Weights: stem, stage1.block1.convolution1, …, dense.
 */
export function resNet({ width = 16, blocks = [2, 2, 2, 2], ...options }: ResNetOptions): Model {
  requireSizes("resNet", "width", [width]);
  requireSizes("resNet", "blocks", blocks);
  return network("resNet", options, [3], (layers, input) => {
    let x = layers.relu(normalized(layers, "stem", input, [width, options.inputShape[0]!, 3, 3], 1));
    let inner = width;
    for (const [stage, count] of blocks.entries()) {
      const outer = width * 2 ** stage;
      for (let block = 0; block < count; block++) {
        const stride = stage > 0 && block === 0 ? 2 : 1;
        x = basicBlock(layers, `stage${stage + 1}.block${block + 1}`, x, { inner, outer, stride });
        inner = outer;
      }
    }
    const features = layers.graph.op("Flatten", [layers.graph.op("GlobalAveragePool", [x])]);
    return layers.dense("dense", features, inner, options.classes, false);
  });
}

interface BlockSizes {
  readonly inner: number;
  readonly outer: number;
  readonly stride: number;
}

function basicBlock(layers: Layers, name: string, x: Value, { inner, outer, stride }: BlockSizes): Value {
  const hidden = layers.relu(normalized(layers, `${name}.convolution1`, x, [outer, inner, 3, 3], stride));
  const residual = normalized(layers, `${name}.convolution2`, hidden, [outer, outer, 3, 3], 1);
  const isSame = stride === 1 && inner === outer;
  const shortcut = isSame ? x : normalized(layers, `${name}.shortcut`, x, [outer, inner, 1, 1], stride);
  return layers.relu(layers.graph.Add(residual, shortcut));
}

/** A convolution without bias and its batch normalisation. */
function normalized(layers: Layers, name: string, x: Value, shape: readonly number[], stride: number): Value {
  const y = layers.convolution(name, x, shape, { stride, pad: (shape[2]! - 1) / 2, hasBias: false });
  return layers.batchNormalization(`${name}.normalization`, y, shape[0]!);
}
