import { sizeOf, type Tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import { imageShape } from "../image.ts";
import type { GradientClassifier } from "../models/classifier.ts";
import { type Homography, inverse } from "./homography.ts";
import type { PatternOptions, PatternProgress, PatternResult } from "./pattern-options.ts";
import { stickerPlacement, type Transformations } from "./pattern-view.ts";
import { trainPattern } from "./train-pattern.ts";

export interface StickerOptions extends PatternOptions {
  /**
   * Where the object is in each sample: from texels of the mask (x to the right, y down, edges at whole numbers) to pixels of the
   * image. Without it the mask is that of the image itself, and of its size.
   */
  readonly poses?: readonly Homography[];
}

/**
 * Stickers on an object (RP2: Eykholt et al., 2018, https://arxiv.org/abs/1707.08945): one pattern, printed where `mask` [rows,
 * columns] of the object's face is above 0, that makes the object be taken for something else from all sides. `x` is [samples,
 * ...inputShape]: photographs of the object. The paper chooses its mask by a first attack in L1; here it is given.
 */
export async function* trainSticker(
  model: GradientClassifier,
  x: Tensor,
  labels: ArrayLike<number>,
  mask: Tensor,
  { poses, ...options }: StickerOptions = {},
): AsyncGenerator<PatternProgress, PatternResult> {
  const image = imageShape(model);
  if (!image) {
    throw new AttackError("UNSUPPORTED_MODEL", `trainSticker: expected images, got inputs of [${model.inputShape}]`);
  }
  const [rows = 0, columns = 0] = mask.shape;
  if (mask.shape.length !== 2 || mask.data.length !== sizeOf(mask.shape) || rows * columns === 0) {
    throw new AttackError("SHAPE_MISMATCH", `trainSticker: expected a mask [rows, columns], got [${mask.shape}]`);
  }
  if (!mask.data.some((each) => each > 0) || mask.data.some((each) => !(each >= 0 && each <= 1))) {
    throw new AttackError("INVALID_OPTION", "trainSticker: expected a mask from 0 to 1 with something above 0");
  }
  if (!poses && (rows !== image.height || columns !== image.width)) {
    const expected = `a mask of [${image.height}, ${image.width}], as the image, where there are no poses`;
    throw new AttackError("SHAPE_MISMATCH", `trainSticker: expected ${expected}, got [${mask.shape}]`);
  }
  if (poses && poses.length !== x.shape[0]) {
    throw new AttackError("SHAPE_MISMATCH", `trainSticker: expected ${x.shape[0]} poses, got ${poses.length}`);
  }
  for (const [sample, pose] of (poses ?? []).entries()) {
    if (pose.length === 9 && inverse(pose).every(Number.isFinite)) continue;
    const expected = `a pose of 9 numbers that has an inverse for sample ${sample}`;
    throw new AttackError("INVALID_OPTION", `trainSticker: expected ${expected}, got [${pose}]`);
  }
  const unmoved = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  const placements = (poses ?? [unmoved]).map((pose) => stickerPlacement(pose, { rows, columns }, image));
  return yield* trainPattern(
    model,
    x,
    labels,
    {
      name: "trainSticker",
      pattern: { rows, columns, mask: mask.data },
      placements: (sample) => placements[poses ? sample : 0]!,
      transformations: { ...usual, ...options.transformations },
    },
    options,
  );
}

/** Poses, or the photographs themselves, bring the large changes; these are about what the pose does not say. */
const usual: Transformations = {
  rotation: 5,
  scale: [0.95, 1.05],
  translation: 0.02,
  perspective: 0.02,
  brightness: 0.1,
  contrast: [0.8, 1.2],
  blur: 0.5,
};
