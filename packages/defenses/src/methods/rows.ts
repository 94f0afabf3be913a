import type { Feeds } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import type { Batch } from "../training/method.ts";

/** The same numbers in memory of their own. */
export function copyOf({ shape, data }: Tensor): Tensor {
  return tensor(shape, data.slice());
}

/** The rows of several tensors below one another. */
export function stacked(...parts: readonly Tensor[]): Tensor {
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const whole = tensor([rows, ...parts[0]!.shape.slice(1)]);
  let offset = 0;
  for (const { data } of parts) {
    whole.data.set(data, offset);
    offset += data.length;
  }
  return whole;
}

/** The mean over `copies` blocks of as many numbers: of the losses of stacked rows, those of the samples. */
export function meanOfBlocks(values: Float32Array, copies: number): Float32Array {
  const mean = new Float32Array(values.length / copies);
  for (let i = 0; i < values.length; i++) mean[i % mean.length]! += values[i]! / copies;
  return mean;
}

/** The softmax of each row of `logits` [n, classes] / temperature. */
export function softmax({ shape, data }: Tensor, temperature = 1): Tensor {
  const classes = shape[1]!;
  const result = tensor(shape);
  for (let start = 0; start < data.length; start += classes) {
    let largest = -Infinity;
    for (let k = start; k < start + classes; k++) largest = Math.max(largest, data[k]!);
    let sum = 0;
    for (let k = start; k < start + classes; k++) sum += Math.exp((data[k]! - largest) / temperature);
    for (let k = start; k < start + classes; k++) result.data[k] = Math.exp((data[k]! - largest) / temperature) / sum;
  }
  return result;
}

/**
 * Samples above and their examples below, as losses over pairs take them: besides `targets`, `partner` [batch] is the row of
 * the sample that a row belongs to, and `isExample` [batch] is 1 for an example.
 */
export function pairedFeeds({ x, targets }: Batch, examples: Tensor): Omit<Feeds, "x"> & { readonly x: Tensor } {
  const rows = x.shape[0]!;
  return {
    x: stacked(x, examples),
    targets: stacked(targets, targets),
    partner: {
      dtype: "int64",
      shape: [2 * rows],
      data: BigInt64Array.from({ length: 2 * rows }, (_, i) => BigInt(i % rows)),
    },
    isExample: tensor([2 * rows], new Float32Array(2 * rows).fill(1, rows)),
  };
}
