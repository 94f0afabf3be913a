import type { Tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import { imageShape } from "../image.ts";
import type { GradientClassifier } from "../models/classifier.ts";
import type { PatternOptions, PatternProgress, PatternResult } from "./pattern-options.ts";
import { patchPlacement, type Transformations } from "./pattern-view.ts";
import { trainPattern } from "./train-pattern.ts";

export interface PatchOptions extends PatternOptions {
  /** Rows and columns of the patch in texels; by default half the image's shorter side each. */
  readonly size?: readonly [number, number];
  readonly outline?: "circle" | "square";
}

/**
 * Adversarial patch (Brown et al., 2017, https://arxiv.org/abs/1712.09665): one picture that, put anywhere into an image, in
 * any turn and size, makes the model see what the attacker wants. `x` is [samples, ...inputShape]; a share of the samples is
 * held out, and all counts are of those. Colours, printing and the camera are as for stickers (Eykholt et al., 2018). The paper's
 * sizes go up to the whole image; these defaults stay between three and five tenths of its shorter side.
 */
export async function* trainPatch(
  model: GradientClassifier,
  x: Tensor,
  labels: ArrayLike<number>,
  { size, outline = "circle", ...options }: PatchOptions = {},
): AsyncGenerator<PatternProgress, PatternResult> {
  const image = imageShape(model);
  if (!image) {
    throw new AttackError("UNSUPPORTED_MODEL", `trainPatch: expected images, got inputs of [${model.inputShape}]`);
  }
  const side = Math.max(1, Math.round(Math.min(image.height, image.width) / 2));
  const [rows, columns] = size ?? [side, side];
  if (!(Number.isInteger(rows) && rows > 0 && Number.isInteger(columns) && columns > 0)) {
    throw new AttackError("INVALID_OPTION", `trainPatch: expected a size of rows and columns, got [${size}]`);
  }
  const placement = patchPlacement({ rows, columns }, image);
  return yield* trainPattern(
    model,
    x,
    labels,
    {
      name: "trainPatch",
      pattern: { rows, columns, mask: maskOf(rows, columns, outline) },
      placements: () => placement,
      transformations: { ...usual, ...options.transformations },
    },
    options,
  );
}

const usual: Transformations = {
  rotation: 22.5, // as the authors' code
  scale: [0.3, 0.5],
  translation: 1,
  perspective: 0.1,
  brightness: 0.1,
  contrast: [0.8, 1.2],
  blur: 0.5,
};

function maskOf(rows: number, columns: number, outline: "circle" | "square"): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const [down, right] = [(2 * Math.floor(i / columns) + 1) / rows - 1, (2 * (i % columns) + 1) / columns - 1];
    return outline === "square" || down * down + right * right <= 1 ? 1 : 0;
  });
}
