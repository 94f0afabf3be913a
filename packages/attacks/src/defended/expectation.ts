import { type Draw, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import type { LinearMap } from "../gradient/transfer-transforms.ts";
import { flatShape, type ImageShape, imageShape } from "../image.ts";
import type { GradientClassifier, LossGradient } from "../models/classifier.ts";
import { contentDraw } from "./content-draw.ts";

export interface ExpectationOptions {
  /** How many draws are averaged. */
  readonly samples?: number;
  /** What may happen to a sample on its way to the model, for one draw; nothing, where the model itself is random. */
  readonly transform?: (shape: ImageShape, draw: Draw) => LinearMap;
  readonly seed?: number;
}

/**
 * Expectation over transformation (Athalye et al., 2018, https://arxiv.org/abs/1707.07397): a model whose scores, losses and
 * gradients are means over what randomness may do, so that an attack on it is not misled by a single draw.
 */
export function expectationOverTransformation<C extends GradientClassifier>(
  model: C,
  { samples = 20, transform, seed = 0 }: ExpectationOptions = {},
): C {
  const shape = imageShape(model) ?? flatShape(sizeOf(model.inputShape));
  const width = sizeOf(model.inputShape);
  const rowOf = (x: Tensor, row: number): Float32Array => x.data.subarray(row * width, (row + 1) * width);
  /** One draw of what each row becomes, with the maps that made it. */
  const drawn = (x: Tensor, sample: number): { moved: Tensor; maps: readonly LinearMap[] } => {
    if (!transform) return { moved: x, maps: [] };
    const moved = tensor(x.shape);
    const maps = Array.from({ length: x.shape[0]! }, (_, row) => {
      const map = transform(shape, contentDraw(seed, rowOf(x, row), sample));
      map.apply(rowOf(x, row), rowOf(moved, row));
      return map;
    });
    return { moved, maps };
  };
  return {
    ...model,
    async logits(x: Tensor) {
      const mean = tensor([x.shape[0]!, model.classes]);
      for (let sample = 0; sample < samples; sample++) {
        const { data } = await model.logits(drawn(x, sample).moved);
        for (let i = 0; i < data.length; i++) mean.data[i]! += data[i]! / samples;
      }
      return mean;
    },
    async lossGradient(x: Tensor, ...rest: LossArguments): Promise<LossGradient> {
      const logits = tensor([x.shape[0]!, model.classes]);
      const loss = new Float32Array(x.shape[0]!);
      const gradient = tensor(x.shape);
      const back = new Float32Array(width);
      for (let sample = 0; sample < samples; sample++) {
        const { moved, maps } = drawn(x, sample);
        const result = await model.lossGradient(moved, ...rest);
        for (let i = 0; i < logits.data.length; i++) logits.data[i]! += result.logits.data[i]! / samples;
        for (let row = 0; row < loss.length; row++) {
          loss[row]! += result.loss[row]! / samples;
          const arriving = rowOf(result.gradient, row);
          if (transform) maps[row]!.transpose(arriving, back);
          const slopes = transform ? back : arriving;
          for (let j = 0, i = row * width; j < width; j++, i++) gradient.data[i]! += slopes[j]! / samples;
        }
      }
      return { logits, loss, gradient };
    },
  };
}

type LossArguments = Parameters<GradientClassifier["lossGradient"]> extends [Tensor, ...infer Rest] ? Rest : never;
